"""``one2one verify``: what a remote cloud supports and allows, found out by trying."""
