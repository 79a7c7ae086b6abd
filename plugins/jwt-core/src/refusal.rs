//! Why a request does not pass, and how its client is told (RFC 6750 section 3).

use hither_plugin::Reply;

/// Why a request does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It bears no token.
    Missing,
    /// It bears more than one.
    Request(&'static str),
    /// Its token is not valid.
    Token(&'static str),
    /// Nobody can tell now.
    Unavailable(&'static str),
}

impl Refusal {
    pub(crate) fn reply(self, realm: &str) -> Reply {
        let (status, title, error, detail) = match self {
            Self::Missing => (401, "Unauthorized", None, "a token is needed"),
            Self::Request(detail) => (400, "Bad Request", Some("invalid_request"), detail),
            Self::Token(detail) => (401, "Unauthorized", Some("invalid_token"), detail),
            Self::Unavailable(detail) => {
                return Reply::problem(503, "Service Unavailable", detail)
                    .header("retry-after", "1");
            }
        };
        let error =
            error.map(|error| format!(", error=\"{error}\", error_description=\"{detail}\""));
        let challenge = format!("Bearer realm=\"{realm}\"{}", error.unwrap_or_default());
        Reply::problem(status, title, detail).header("www-authenticate", challenge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(refusal: Refusal) -> (u16, Option<String>) {
        let reply = refusal.reply("shop");
        let found = reply.headers.iter().find(|field| field.name == "www-authenticate");
        (reply.status, found.map(|field| String::from_utf8(field.value.clone()).unwrap()))
    }

    #[test]
    fn a_client_is_told_what_it_did_wrong_and_no_more() {
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(challenge(Refusal::Missing), (401, told("Bearer realm=\"shop\"")));
        let expected = "Bearer realm=\"shop\", error=\"invalid_token\", error_description=\"the token has expired\"";
        assert_eq!(challenge(Refusal::Token("the token has expired")), (401, told(expected)));
        assert_eq!(challenge(Refusal::Request("two")).0, 400);
        assert_eq!(challenge(Refusal::Unavailable("no keys")), (503, None));
    }
}
