"""The XML-RPC calls of the local oned."""
