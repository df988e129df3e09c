//! A request's body is lent to whoever answers: what was not read of it is read afterwards, and thrown away. A client that is still
//! sending when its connection is closed hears no answer, and never learns why it was refused.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::time::{Instant, timeout_at};

use super::BODY_LIMIT;

/// Answers once the whole body has come; or by the end of the request's time, and then says that the connection is closed.
pub async fn read_on(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let end = Instant::now() + limit;
    let mut rest = None;
    let request = request.map(|body| {
        let (lent, left) = Lent::of(body);
        rest = Some(left);
        Body::new(lent)
    });
    // Whoever asks before it sends hears the answer in place of a `100 Continue`.
    let asks_first = request.headers().contains_key(header::EXPECT);
    let mut response = next.run(request).await;
    let left = rest.and_then(|mut left| left.try_recv().ok());
    let ended = match left {
        None => true,
        Some(left) if asks_first && !left.touched => false,
        Some(left) => timeout_at(end, left.drain()).await.unwrap_or(false),
    };
    if !ended {
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What was not read.
struct Left {
    body: Body,
    /// Somebody began to read, so that the client was told to send.
    touched: bool,
}

impl Left {
    /// Whether it came to its end.
    async fn drain(self) -> bool {
        let limit = u64::try_from(BODY_LIMIT).unwrap_or(u64::MAX);
        if self.body.size_hint().lower() > limit {
            return false;
        }
        let mut room = BODY_LIMIT;
        let mut body = pin!(self.body);
        while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
            let Ok(frame) = frame else {
                return false;
            };
            let Some(less) = room.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else {
                return false;
            };
            room = less;
        }
        true
    }
}

/// The body, which goes back when it is dropped.
struct Lent {
    left: Option<Left>,
    back: Option<Sender<Left>>,
}

impl Lent {
    fn of(body: Body) -> (Self, Receiver<Left>) {
        let (back, receiver) = channel();
        let left = Left {
            body,
            touched: false,
        };
        let lent = Self {
            left: Some(left),
            back: Some(back),
        };
        (lent, receiver)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(left) = &mut self.left else {
            return Poll::Ready(None);
        };
        left.touched = true;
        let frame = Pin::new(&mut left.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.left = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        let left = self.left.as_ref();
        left.is_none_or(|left| left.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.left.as_ref();
        left.map_or(SizeHint::with_exact(0), |left| left.body.size_hint())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(left), Some(back)) = (self.left.take(), self.back.take()) {
            // Nobody wants it where the answer was given up.
            let _ = back.send(left);
        }
    }
}
