"""Who a client was then: topology (who had this address), rules (what an interface is), attribution."""
