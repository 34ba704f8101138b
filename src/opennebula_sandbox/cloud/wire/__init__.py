"""What goes over the wire: HTTP and XML-RPC, template text, and the objects as XML."""
