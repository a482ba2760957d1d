//! Waiting for the first connection with a deadline.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::time::Instant;

use crate::client::Client;
use crate::error::NotConnected;
use crate::timer::Timer;

/// Waits until the server has accepted the client, which is driven by somebody else, and gives it back.
/// A deadline that no clock can show is none.
///
/// Cancel safe: dropping the future shuts the client down.
///
/// # Errors
/// [`NotConnected`], and then the client is shut down.
pub async fn connected_within(
    client: Client,
    timer: &mut impl Timer,
    deadline: Duration,
) -> Result<Client, NotConnected> {
    let until = Instant::now().checked_add(deadline);
    let connected = {
        let mut connecting = pin!(client.connected());
        poll_fn(|cx| {
            if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
                return Poll::Ready(connected.map(drop));
            }
            while let Some(until) = until
                && timer.poll_until(until, cx).is_ready()
            {
                // Timers may be early by their granularity.
                if until <= Instant::now() {
                    return Poll::Ready(Err(NotConnected::TimedOut {
                        last: client.last_cause(),
                    }));
                }
            }
            Poll::Pending
        })
        .await
    };
    connected.map(|()| client)
}
