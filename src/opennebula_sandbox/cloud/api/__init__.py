"""The XML-RPC calls of a simulated cloud."""
