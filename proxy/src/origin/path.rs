//! What a path asks of the origin. Knows no HTTP library: text in, a wish or a refusal out.

use std::time::Duration;

/// A request is kept no longer than this.
const MAX_DELAY: Duration = Duration::from_secs(600);

/// 16 GiB: nothing of it is held, so this only bounds how long one request can run.
const MAX_BYTES: u64 = 16 << 30;

/// What the origin is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Tell what arrived.
    Echo,
    /// Tell that the origin is well and how loaded it is, without delay.
    Health,
    /// Tell what arrived, this much later.
    Delay(Duration),
    /// Answer with this status, 200 to 599.
    Status(u16),
    /// Stream this many bytes.
    Bytes(u64),
    /// Become a WebSocket that sends back what it is sent.
    Socket,
}

/// Reads a path, without its query. An unknown one is an echo; a known one with a bad number is refused with
/// the reason, because an echo would hide the slip.
pub(super) fn read(path: &str) -> Result<Wish, String> {
    let mut parts = path.strip_prefix('/').unwrap_or(path).splitn(2, '/');
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("health", None) => Ok(Wish::Health),
        ("ws", None) => Ok(Wish::Socket),
        ("delay", Some(text)) => {
            let most = u64::try_from(MAX_DELAY.as_millis()).unwrap_or(u64::MAX);
            let milliseconds = number(text, 0, most, "/delay/MS takes milliseconds")?;
            Ok(Wish::Delay(Duration::from_millis(milliseconds)))
        }
        ("status", Some(text)) => {
            let code = number(text, 200, 599, "/status/CODE takes a final status")?;
            Ok(Wish::Status(u16::try_from(code).unwrap_or(200)))
        }
        ("bytes", Some(text)) => {
            number(text, 0, MAX_BYTES, "/bytes/N takes a size").map(Wish::Bytes)
        }
        _ => Ok(Wish::Echo),
    }
}

fn number(text: &str, least: u64, most: u64, what: &str) -> Result<u64, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = if digits { text.parse().ok() } else { None };
    value
        .filter(|value| (least..=most).contains(value))
        .ok_or_else(|| format!("{what} from {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_path_is_understood() {
        assert_eq!(read("/"), Ok(Wish::Echo));
        assert_eq!(read("/any/thing"), Ok(Wish::Echo));
        assert_eq!(read("/health"), Ok(Wish::Health));
        assert_eq!(read("/delay/250"), Ok(Wish::Delay(Duration::from_millis(250))));
        assert_eq!(read("/status/503"), Ok(Wish::Status(503)));
        assert_eq!(read("/bytes/0"), Ok(Wish::Bytes(0)));
        assert_eq!(read("/ws"), Ok(Wish::Socket));
    }

    #[test]
    fn a_number_out_of_bounds_is_refused_with_the_bounds() {
        for path in [
            "/delay/600001",
            "/delay/-1",
            "/delay/",
            "/status/199",
            "/status/600",
            "/bytes/99999999999999999999",
        ] {
            let reason = read(path).expect_err(path);
            assert!(reason.contains(" from "), "{path}: {reason}");
        }
    }
}
