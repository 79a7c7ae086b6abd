//! An origin that grants every upgrade and then sends back whatever it is sent.

use std::io;
use std::net::SocketAddr;

use super::connection::RawConnection;
use super::raw::RawOrigin;

/// An origin that echoes bytes after 101; a request that asks for no upgrade is answered with 426.
#[derive(Debug)]
pub struct UpgradeOrigin {
    origin: RawOrigin,
}

impl UpgradeOrigin {
    /// Starts one.
    ///
    /// # Panics
    /// If no socket can be bound.
    pub async fn start() -> Self {
        Self { origin: RawOrigin::start(serve).await }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.origin.address()
    }

    /// The requests and connections it saw.
    #[must_use]
    pub fn origin(&self) -> &RawOrigin {
        &self.origin
    }
}

async fn serve(mut connection: RawConnection) -> io::Result<()> {
    while let Some(request) = connection.read_request().await? {
        let Some(protocol) = request.header("upgrade") else {
            connection.write("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n").await?;
            continue;
        };
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n";
        connection.write(format!("{head}Upgrade: {protocol}\r\n\r\n")).await?;
        loop {
            let bytes = connection.read_some().await?;
            if bytes.is_empty() {
                return Ok(());
            }
            connection.write(bytes).await?;
        }
    }
    Ok(())
}
