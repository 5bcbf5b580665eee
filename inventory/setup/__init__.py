"""What an operator creates in AWS before the inventory can read: printed, never done."""
