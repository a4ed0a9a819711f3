//! Listens on an address and answers its requests.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, StatusCode, header};

use super::Explorer;
use super::guard::{Admission, Guard};
use super::reply::Reply;
use crate::step::CancelToken;

/// How often a request to stop is looked for.
const TICK: Duration = Duration::from_millis(100);
/// The most requests that are answered at once; others wait.
const AT_ONCE: usize = 64;

/// An explorer that listens on an address.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    explorer: Explorer,
    guard: Guard,
}

impl Server {
    /// Listens on `address`, with any free port if its port is 0. Answers requests under an IP address, `localhost`, and the
    /// `names` of this machine.
    ///
    /// # Errors
    /// Fails if the address is not this machine's, or in use.
    pub fn bind(explorer: Explorer, address: SocketAddr, names: &[String]) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, explorer, guard: Guard::new(address.port(), names) })
    }

    /// Returns the address that lets a browser in. It gives access to the whole store.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.guard.entrance())
    }

    /// Returns whether other machines can reach the explorer.
    pub fn is_public(&self) -> bool {
        !self.address.ip().is_loopback()
    }

    /// Answers requests until `stop` is cancelled.
    ///
    /// # Errors
    /// Fails if the system provides no threads or no sockets.
    pub fn serve(self, stop: CancelToken) -> io::Result<()> {
        let Self { listener, explorer, guard, .. } = self;
        let state = Arc::new((Explorer { stop: stop.clone(), ..explorer }, guard));
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(AT_ONCE).build()?;
        let served = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            let router = Router::new().fallback(answer).with_state(state);
            tokio::select! {
                served = std::future::IntoFuture::into_future(axum::serve(listener, router)) => served,
                () = stopped(stop) => Ok(()),
            }
        });
        // A page that is being made is of no use any more.
        runtime.shutdown_background();
        served
    }
}

async fn stopped(stop: CancelToken) {
    while !stop.is_cancelled() {
        tokio::time::sleep(TICK).await;
    }
}

async fn answer(State(state): State<Arc<(Explorer, Guard)>>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    match state.1.admit(&parts) {
        Admission::Granted => {}
        Admission::Refused(reply) => return reply.into_response(),
        Admission::Entered(cookie) => {
            let mut response = Reply::redirect("/runs").into_response();
            // The cookie consists of characters that a header can have.
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            return response;
        }
    }
    // The stores and the drawing of structures block.
    let made = tokio::task::spawn_blocking(move || {
        let last_event = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
        state.0.answer(&parts.uri, last_event)
    });
    let reply = made.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a page could not be made");
        Reply::text(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be made; this is an error of the program")
    });
    reply.into_response()
}
