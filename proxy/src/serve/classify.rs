//! Which fault is behind an error of Pingora's.

use super::ctx::Ctx;
use crate::fault::Fault;
use pingora_core::{Error, ErrorSource, ErrorType};

/// Names the fault. `guard` is what the guard itself found: it knows better than the error that
/// came of it.
pub(super) fn classify(error: &Error, guard: Option<Fault>, ctx: &Ctx) -> Fault {
    if let Some(fault) = guard {
        return fault;
    }
    match error.esource() {
        ErrorSource::Downstream => downstream(error.etype()),
        ErrorSource::Upstream => {
            let own = ctx.answering.as_ref().and_then(|answering| answering.fault());
            if let Some(fault) = own.filter(|_| !ctx.answered) {
                return fault;
            }
            let late = ctx.deadlines.as_ref().is_some_and(|deadlines| deadlines.late());
            upstream(error.etype(), ctx.answered, late)
        }
        ErrorSource::Internal | ErrorSource::Unset => Fault::Internal,
    }
}

fn downstream(kind: &ErrorType) -> Fault {
    match kind {
        ErrorType::ReadTimedout => Fault::BodyTimeout,
        ErrorType::InvalidHTTPHeader => Fault::BadHeader,
        ErrorType::HTTPStatus(413) => Fault::BodyTooLarge,
        _ => Fault::ClientLeft,
    }
}

/// `answered`: the head of the answer had come. `late`: our own connection waited for too long.
fn upstream(kind: &ErrorType, answered: bool, late: bool) -> Fault {
    match kind {
        ErrorType::ConnectRefused => Fault::ConnectRefused,
        ErrorType::ConnectTimedout => Fault::ConnectTimeout,
        ErrorType::ConnectNoRoute
        | ErrorType::ConnectError
        | ErrorType::BindError
        | ErrorType::SocketError
        | ErrorType::HandshakeError => Fault::ConnectFailed,
        _ if answered => Fault::BodyCut,
        ErrorType::ReadTimedout => Fault::FirstByteTimeout,
        ErrorType::ReadError | ErrorType::WriteError if late => Fault::FirstByteTimeout,
        ErrorType::ReadError
        | ErrorType::WriteError
        | ErrorType::WriteTimedout
        | ErrorType::ConnectionClosed => Fault::UpstreamClosed,
        _ => Fault::UpstreamInvalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_named_by_what_was_waited_for() {
        assert_eq!(upstream(&ErrorType::ReadTimedout, false, false), Fault::FirstByteTimeout);
        assert_eq!(upstream(&ErrorType::ReadTimedout, true, false), Fault::BodyCut);
        assert_eq!(upstream(&ErrorType::ConnectTimedout, false, false), Fault::ConnectTimeout);
        assert_eq!(upstream(&ErrorType::InvalidHTTPHeader, false, false), Fault::UpstreamInvalid);
        assert_eq!(upstream(&ErrorType::ReadError, false, true), Fault::FirstByteTimeout);
        assert_eq!(upstream(&ErrorType::ReadError, true, true), Fault::BodyCut);
        assert_eq!(downstream(&ErrorType::ReadTimedout), Fault::BodyTimeout);
        assert_eq!(downstream(&ErrorType::WriteError), Fault::ClientLeft);
    }
}
