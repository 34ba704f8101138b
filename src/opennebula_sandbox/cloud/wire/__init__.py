"""The formats on the network: HTTP, XML-RPC, template text, and objects as XML."""
