//! A device without any driver: `tb-proto` alone, on a loop of one's own over `std::net`. The steps are the six
//! of that crate's page.
//!
//! It brings a simulated ThingsBoard along; with `TB_URL=mqtt://host TB_TOKEN=…` it talks to that server.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tb_proto::{Client, Completion, Config, Event, LinkId, LinkLost, LinkRequest, State};
use tb_tests::example::{self, PATIENCE, Server};

fn device(server: &Server) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let now = || tb_proto::Instant::from_micros(begun.elapsed().as_micros() as u64);
    let config = Config::new(server.url().try_into()?, server.credentials());
    // A device in the field takes the seed from something random: it spreads reconnects.
    let mut client = Client::new(config, now(), 7)?;
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)?;
    client.set_wall_clock(now(), i64::try_from(since_1970.as_millis())?);
    let _ticket = client.send_telemetry(now(), &json!({ "temperature": 21.5 }))?;

    let mut open: Option<(LinkId, TcpStream)> = None;
    let mut buffer = [0; 4096];
    while client.state() != State::Closed {
        // 1. Bytes to send go to the connection that was opened last.
        while let Some(bytes) = client.poll_transmit() {
            if let Some((link, stream)) = &mut open
                && stream.write_all(&bytes).is_err()
            {
                client.handle_disconnected(now(), *link, LinkLost::Reset);
            }
        }
        // 2. Connections to open and to close.
        while let Some(request) = client.poll_link() {
            open = None;
            if let LinkRequest::Open { link, endpoint } = request {
                match TcpStream::connect((endpoint.host(), endpoint.port())) {
                    Ok(stream) => {
                        open = Some((link, stream));
                        client.handle_connected(now(), link);
                    }
                    Err(_) => client.handle_disconnected(now(), link, LinkLost::Unreachable),
                }
            }
        }
        // 3. What the application should know.
        while let Some(event) = client.poll_event() {
            println!("{event:?}");
            if let Event::Completed { completion, .. } = event
                && matches!(completion, Completion::Delivery(_))
            {
                let _drained = client.disconnect(now(), now() + PATIENCE);
            }
        }
        // 4. Nothing else to do: wait for bytes, no longer than until the next deadline.
        let due = client.poll_timeout().map(|due| due.duration_since(now()));
        let wait = if client.wants_transmit() {
            Duration::ZERO
        } else {
            due.unwrap_or(PATIENCE)
        };
        let wait = wait.max(Duration::from_millis(1));
        match &mut open {
            None => thread::sleep(wait),
            Some((link, stream)) => {
                stream.set_read_timeout(Some(wait))?;
                // 5. Bytes that came, or the end of the connection.
                let lost = match stream.read(&mut buffer) {
                    Ok(0) => Some(LinkLost::Closed),
                    Ok(count) => {
                        client.handle_input(now(), *link, &buffer[..count]);
                        None
                    }
                    Err(error) => match error.kind() {
                        ErrorKind::WouldBlock | ErrorKind::TimedOut => None,
                        _ => Some(LinkLost::Reset),
                    },
                };
                if let Some(why) = lost {
                    client.handle_disconnected(now(), *link, why);
                    open = None;
                }
            }
        }
        // 6. Time has passed.
        client.handle_timeout(now());
    }
    Ok(())
}

pub(crate) fn main() -> ExitCode {
    example::main(device)
}
