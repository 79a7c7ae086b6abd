//! Where to listen and where to connect: IP addresses with ports, networks, Unix sockets. Names
//! are not resolved here, so a plan means the same every time it is read.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

/// Where the admin API listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminAddress {
    /// A TCP address; port 0 lets the system choose.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl AdminAddress {
    /// Only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

/// To bind: port 0 lets the system choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenAddress(pub(crate) SocketAddr);

/// To connect to: a real address and a real port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerAddress(pub(crate) SocketAddr);

/// Addresses under one prefix; a single address is a network of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network(pub(crate) IpNet);

fn socket<T: Scalar>(value: &DeValue<'_>) -> Result<SocketAddr, Complaint> {
    if let DeValue::Integer(port) = value {
        let meant = format!("did you mean \"127.0.0.1:{}\"?", port.as_str());
        return Err(Complaint::wrong_kind::<T>(value).label(meant));
    }
    let text = text::<T>(value)?;
    text.parse().map_err(|_| {
        let complaint = Complaint::not_a::<T>(text);
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        let port_is_good = port.parse::<u16>().is_ok();
        if host == "localhost" && port_is_good {
            complaint.label(format!("did you mean \"127.0.0.1:{port}\"?"))
        } else if (host.is_empty() || host == "*") && port_is_good {
            complaint.label(format!("did you mean \"0.0.0.0:{port}\"?"))
        } else if text.parse::<IpAddr>().is_ok() || host.parse::<IpAddr>().is_ok() {
            complaint.label("the port is missing, or above 65535")
        } else if text.contains("://") {
            complaint.help("an address has no scheme and no path: only an IP address and a port")
        } else if port_is_good {
            complaint.help("names are not looked up here: write the IP address itself")
        } else {
            complaint
        }
    })
}

impl Scalar for ListenAddress {
    const WHAT: &'static str = "an IP address with a port";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        socket::<Self>(value).map(Self)
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": r"^([0-9.]+|\[[0-9a-fA-F:.%]+\]):[0-9]{1,5}$" })
    }

    fn written(&self) -> Value {
        json!(self.0.to_string())
    }
}

impl Scalar for PeerAddress {
    const WHAT: &'static str = "an IP address with a port";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let address = socket::<Self>(value)?;
        let complaint = Complaint::new(format!("nothing can be reached at {address}"));
        if address.port() == 0 {
            return Err(complaint.label("port 0 is no place to connect to"));
        }
        if address.ip().is_unspecified() || address.ip().is_multicast() {
            return Err(complaint.label("this is no single machine's address"));
        }
        Ok(Self(address))
    }

    fn schema() -> Value {
        ListenAddress::schema()
    }

    fn written(&self) -> Value {
        json!(self.0.to_string())
    }
}

impl Scalar for AdminAddress {
    const WHAT: &'static str = "an IP address with a port, or unix: and a path";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        if let Some(path) = text::<Self>(value)?.strip_prefix("unix:") {
            if path.is_empty() || path.contains('\0') {
                let complaint = Complaint::new("a Unix socket needs a path");
                return Err(complaint.label("as in \"unix:/run/hither.sock\""));
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        socket::<Self>(value).map(Self::Tcp)
    }

    fn schema() -> Value {
        json!({
            "type": "string",
            "pattern": r"^(unix:.+|([0-9.]+|\[[0-9a-fA-F:.%]+\]):[0-9]{1,5})$",
        })
    }

    fn written(&self) -> Value {
        match self {
            Self::Tcp(address) => json!(address.to_string()),
            Self::Unix(path) => json!(format!("unix:{}", path.display())),
        }
    }
}

impl Scalar for Network {
    const WHAT: &'static str = "a network or an IP address";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network = network.map_err(|_| {
            Complaint::not_a::<Self>(text)
                .help("networks are written as their first address and a prefix length")
        })?;
        if network.addr() != network.trunc().addr() {
            let meant = format!("did you mean \"{}\"?", network.trunc());
            return Err(Complaint::new(format!("{text} has bits beyond its prefix")).label(meant));
        }
        Ok(Self(network))
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9a-fA-F:.]+(/[0-9]{1,3})?$" })
    }

    fn written(&self) -> Value {
        json!(self.0.to_string())
    }
}
