//! The misbehaviours that several tests want.

use std::time::Duration;

use super::raw::RawOrigin;

impl RawOrigin {
    /// Closes every connection as soon as it is accepted.
    pub async fn closing() -> Self {
        Self::start(|_| async { Ok(()) }).await
    }

    /// Reads a request and closes the connection in place of an answer.
    pub async fn closing_after_a_request() -> Self {
        Self::start(|mut connection| async move { connection.read_request().await.map(drop) }).await
    }

    /// Resets every connection as soon as it is accepted.
    pub async fn resetting() -> Self {
        Self::start(|connection| async { connection.reset() }).await
    }

    /// Accepts, reads, and never says a word.
    pub async fn stalling() -> Self {
        Self::start(|mut connection| async move { connection.stall().await }).await
    }

    /// Answers every request with these bytes and keeps the connection.
    pub async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut connection| {
            let answer = answer.clone();
            async move {
                while connection.read_request().await?.is_some() {
                    connection.write(&answer).await?;
                }
                Ok(())
            }
        })
        .await
    }

    /// Answers one request with these bytes and closes: a body cut in the middle, an HTTP/0.9 answer, a body that
    /// ends with the connection.
    pub async fn answering_once(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut connection| {
            let answer = answer.clone();
            async move {
                if connection.read_request().await?.is_some() {
                    connection.write(&answer).await?;
                }
                Ok(())
            }
        })
        .await
    }

    /// Answers one request with these bytes and then says nothing more: half a head, a stalled body.
    pub async fn answering_and_stalling(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut connection| {
            let answer = answer.clone();
            async move {
                if connection.read_request().await?.is_some() {
                    connection.write(&answer).await?;
                    connection.stall().await?;
                }
                Ok(())
            }
        })
        .await
    }

    /// Answers one request with these bytes and resets the connection. What the proxy has not read by then may
    /// be lost with it, as it is in the world.
    pub async fn answering_and_resetting(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut connection| {
            let answer = answer.clone();
            async move {
                if connection.read_request().await?.is_some() {
                    connection.write(&answer).await?;
                }
                connection.reset()
            }
        })
        .await
    }

    /// Answers every request with these bytes, one by one, this long apart.
    pub async fn trickling(answer: impl Into<Vec<u8>>, pause: Duration) -> Self {
        let answer = answer.into();
        Self::start(move |mut connection| {
            let answer = answer.clone();
            async move {
                while connection.read_request().await?.is_some() {
                    connection.trickle(&answer, pause).await?;
                }
                Ok(())
            }
        })
        .await
    }
}
