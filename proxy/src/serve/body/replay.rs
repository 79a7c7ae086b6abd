//! What the session in front answers to Pingora: of the request's body, where it plays one, and of the
//! response's head, where it keeps it; all else is the session's behind it.

use super::hold::Hold;
use crate::serve::guard::Pace;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use http::HeaderMap;
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::HttpTask;
use pingora_core::protocols::http::custom::CustomMessageWrite;
use pingora_core::protocols::http::custom::server::Session as CustomSession;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Messages beside requests and responses, which this protocol has not.
type Messages = Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>;

#[async_trait]
impl CustomSession for Hold {
    fn req_header(&self) -> &RequestHeader {
        self.inner.req_header()
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        self.inner.req_header_mut()
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        match self.body {
            Some(_) => Ok(None),
            None => timed(&mut self.pace, self.inner.read_request_body()).await,
        }
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        self.inner.drain_request_body().await
    }

    /// A response from the cache is written so, in place of tasks; as tasks, plugins see it.
    async fn write_response_header(&mut self, head: Box<ResponseHeader>, end: bool) -> Result<()> {
        self.response_duplex_vec(vec![HttpTask::Header(head, end)]).await.map(drop)
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, end: bool) -> Result<()> {
        self.write_response_header(Box::new(head.clone()), end).await
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        let task = match end && data.is_empty() {
            true => HttpTask::Done,
            false => HttpTask::Body(Some(data), end),
        };
        self.response_duplex_vec(vec![task]).await?;
        self.hurry();
        Ok(())
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.inner.write_response_trailers(trailers).await
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let due = self.due(tasks)?;
        match due.is_empty() {
            true => Ok(false),
            false => self.inner.response_duplex_vec(due).await,
        }
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_read_timeout(timeout);
    }

    fn get_read_timeout(&self) -> Option<Duration> {
        self.inner.get_read_timeout()
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_write_timeout(timeout);
    }

    fn get_write_timeout(&self) -> Option<Duration> {
        self.inner.get_write_timeout()
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_total_drain_timeout(timeout);
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.inner.get_total_drain_timeout()
    }

    fn request_summary(&self) -> String {
        self.inner.request_summary()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.inner.response_written()
    }

    async fn shutdown(&mut self, _code: u32, _context: &str) {
        self.inner.shutdown().await;
    }

    fn is_body_done(&mut self) -> bool {
        self.body.is_some() || self.inner.is_body_done()
    }

    async fn finish(&mut self) -> Result<()> {
        self.inner.finish_body().await
    }

    fn is_body_empty(&mut self) -> bool {
        match &self.body {
            Some(body) => body.is_empty(),
            None => self.inner.is_body_empty(),
        }
    }

    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        let none = no_body_expected || self.body.is_some();
        if none || self.inner.is_body_done() {
            return self.inner.read_body_or_idle(none).await;
        }
        timed(&mut self.pace, self.inner.read_body_or_idle(false)).await
    }

    fn body_bytes_sent(&self) -> usize {
        self.inner.body_bytes_sent()
    }

    fn body_bytes_read(&self) -> usize {
        self.inner.body_bytes_read()
    }

    fn digest(&self) -> Option<&Digest> {
        self.inner.digest()
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        self.inner.digest_mut()
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.inner.client_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.inner.server_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        self.inner.to_h1_raw()
    }

    fn enable_retry_buffering(&mut self) {
        if self.body.is_none() {
            self.inner.enable_retry_buffering();
        }
    }

    /// A body that is played can be played again, however long it is.
    fn retry_buffer_truncated(&self) -> bool {
        self.body.is_none() && self.inner.retry_buffer_truncated()
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        match &self.body {
            Some(body) => Some(body.clone()).filter(|body| !body.is_empty()),
            None => self.inner.get_retry_buffer(),
        }
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(&mut self) -> Option<Messages> {
        None
    }

    fn restore_custom_message_reader(&mut self, _: Messages) -> Result<()> {
        Err(no_messages())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(&mut self, _: Box<dyn CustomMessageWrite>) -> Result<()> {
        Err(no_messages())
    }

    fn is_upgrade_req(&self) -> bool {
        self.inner.is_upgrade_req()
    }

    fn was_upgraded(&self) -> bool {
        self.inner.was_upgraded()
    }
}

/// A read of the client's body, for as long as its pace lets it be waited for.
async fn timed(
    pace: &mut Option<Pace>,
    read: impl Future<Output = Result<Option<Bytes>>>,
) -> Result<Option<Bytes>> {
    let Some(pace) = pace else { return read.await };
    let Some(until) = pace.waits(Instant::now) else { return read.await };
    match timeout_at(until, read).await {
        Ok(read) => {
            let piece = read?;
            pace.moved(piece.as_ref().map_or(0, Bytes::len), Instant::now);
            Ok(piece)
        }
        Err(_) => Error::e_explain(ErrorType::ReadTimedout, "the body comes too slowly"),
    }
}

fn no_messages() -> Box<Error> {
    Error::explain(ErrorType::InternalError, "HTTP has no messages beside its own")
}
