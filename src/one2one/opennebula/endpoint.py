"""How to reach a server of a cloud, by XML-RPC or by gRPC."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Endpoint:
    """How to reach a server of a cloud."""

    url: str
    """URL of its XML-RPC or gRPC, such as ``https://cloud.example.org:2633/RPC2``."""
    ca_file: str | None = None
    """Certificate authorities in PEM; None means the system's."""
    verify_tls: bool = True
    proxy: str | None = field(default=None, repr=False)
    """``http://[user:password@]host:port``; None means a direct connection."""
    connect_timeout: float = 10.0
    """Seconds to connect, TLS included."""
    read_timeout: float = 30.0
    """Seconds of silence within an answer."""
    total_timeout: float = 120.0
    """Seconds for a whole call, waiting for a free connection included."""
    max_connections: int = 4
    max_answer: int = 256 << 20
    """Bytes. 10,000 VMs are 45 MB in the extended form."""
