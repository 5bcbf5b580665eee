"""ServiceNow: the export as payloads of the Identification and Reconciliation Engine, and what pushes them.

:mod:`~inventory.export.servicenow.items` says which class a thing is and what identifies it,
:mod:`~inventory.export.servicenow.payloads` puts together what belongs in one request, :mod:`~inventory.export.servicenow.work` finds what
changed, :mod:`~inventory.export.servicenow.push` posts it and takes away relations that ended.
"""
