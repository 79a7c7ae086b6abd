//! A request as a test writes it, for every client here. For anything malformed, send bytes instead.

use http::Uri;

/// A request; `Host` and `Content-Length` are added unless given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A request to the host `localhost`.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            host: "localhost".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST.
    #[must_use]
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target).body(body)
    }

    /// Another host than `localhost`.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    /// One more header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// As HTTP/1.1 puts it on the wire. A body is framed by its length unless a header says otherwise; then it is
    /// written as it is.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has("host") {
            head.push_str(&format!("Host: {}\r\n", self.host));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let framed = self.has("content-length") || self.has("transfer-encoding");
        let expected =
            !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if expected && !framed {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// As HTTP/2 takes it, without the body.
    ///
    /// # Panics
    /// If a part of it cannot stand in HTTP/2.
    pub(crate) fn to_http2(&self) -> http::Request<()> {
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.host.as_str())
            .path_and_query(self.target.as_str());
        let mut request =
            http::Request::builder().method(self.method.as_str()).uri(uri.build().unwrap());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.version(http::Version::HTTP_2).body(()).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_one_host_and_one_length() {
        let request = Request::post("/p?q", "abc").host("h.example").header("X-A", "1");
        let expected =
            b"POST /p?q HTTP/1.1\r\nHost: h.example\r\nX-A: 1\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(request.bytes(), expected);
        let odd = Request::get("/").header("host", "other").header("content-length", "9");
        assert_eq!(odd.bytes(), b"GET / HTTP/1.1\r\nhost: other\r\ncontent-length: 9\r\n\r\n");
    }
}
