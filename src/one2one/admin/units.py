"""Sizes and times as OpenNebula's commands print them."""


def format_size(kilobytes: int) -> str:
    """Return a size, such as 512M or 1.5G."""
    number = float(kilobytes)
    for unit in "KMG":
        if number < 1024:
            return f"{number:.4g}{unit}"
        number /= 1024
    return f"{number:.4g}T"


def format_duration(seconds: int) -> str:
    """Return a time span, such as 3d 04h10, or 42s below a minute."""
    if seconds < 60:
        return f"{seconds}s"
    days, rest = divmod(seconds, 86400)
    return f"{days}d {rest // 3600:02}h{rest % 3600 // 60:02}"
