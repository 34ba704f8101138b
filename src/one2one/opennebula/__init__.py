"""OpenNebula's templates, states and records, and the XML-RPC client.

No module in this package knows of hybrid clouds.
"""
