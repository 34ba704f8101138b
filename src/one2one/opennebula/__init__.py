"""Speaking OpenNebula: templates, states, records and the XML-RPC client.

Nothing in this room knows that hybrid clouds exist.
"""
