"""``one2one verify``: tries out what a remote cloud supports and allows."""
