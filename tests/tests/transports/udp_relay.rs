//! A way for datagrams between one client and a server, which can be made worse.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// A running relay. Its tasks end with the runtime.
pub(crate) struct UdpRelay {
    address: SocketAddr,
    way: Arc<Way>,
}

struct Way {
    server: SocketAddr,
    /// Where the client sends to.
    front: UdpSocket,
    client: Mutex<Option<SocketAddr>>,
    /// Where the server sees the client, and what carries its answers back.
    back: Mutex<(Arc<UdpSocket>, JoinHandle<()>)>,
    /// Of so many datagrams one is lost; 0: none, 1: all.
    losing: AtomicU32,
    lost: AtomicUsize,
    seen: AtomicU32,
}

impl UdpRelay {
    pub(crate) fn start(runtime: &Runtime, server: SocketAddr) -> Self {
        runtime.block_on(async {
            let front = socket().await.unwrap();
            let address = front.local_addr().unwrap();
            let back = Arc::new(socket().await.unwrap());
            let way = Arc::new(Way {
                server,
                front,
                client: Mutex::default(),
                back: Mutex::new((back, tokio::spawn(async {}))),
                losing: AtomicU32::default(),
                lost: AtomicUsize::default(),
                seen: AtomicU32::default(),
            });
            let relay = Self { address, way };
            relay.change_address().await;
            let way = Arc::clone(&relay.way);
            tokio::spawn(async move { way.up().await });
            relay
        })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Of so many datagrams one is lost from now on; 0: none, 1: all.
    pub(crate) fn lose_one_of(&self, datagrams: u32) {
        self.way.losing.store(datagrams, Ordering::Release);
    }

    /// How many were lost.
    pub(crate) fn lost(&self) -> usize {
        self.way.lost.load(Ordering::Acquire)
    }

    /// The server sees the client at another port from now on, as after a router has forgotten it. What is sent to
    /// the old one is lost.
    pub(crate) async fn change_address(&self) {
        let socket = Arc::new(socket().await.unwrap());
        let (way, back) = (Arc::clone(&self.way), Arc::clone(&socket));
        let down = tokio::spawn(async move { way.down(&back).await });
        let mut back = self.way.back.lock().unwrap();
        back.1.abort();
        *back = (socket, down);
    }
}

async fn socket() -> io::Result<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await
}

impl Way {
    async fn up(&self) {
        let mut buffer = [0; 65_536];
        loop {
            // A port that is closed is told as an error of the next call.
            let Ok((count, from)) = self.front.recv_from(&mut buffer).await else {
                continue;
            };
            *self.client.lock().unwrap() = Some(from);
            let back = Arc::clone(&self.back.lock().unwrap().0);
            if !self.loses() {
                let _ = back.send_to(&buffer[..count], self.server).await;
            }
        }
    }

    async fn down(&self, back: &UdpSocket) {
        let mut buffer = [0; 65_536];
        loop {
            let Ok((count, _)) = back.recv_from(&mut buffer).await else {
                continue;
            };
            let client = *self.client.lock().unwrap();
            if let (Some(client), false) = (client, self.loses()) {
                let _ = self.front.send_to(&buffer[..count], client).await;
            }
        }
    }

    fn loses(&self) -> bool {
        let number = self.seen.fetch_add(1, Ordering::AcqRel);
        let lost = match self.losing.load(Ordering::Acquire) {
            0 => false,
            losing => number.is_multiple_of(losing),
        };
        self.lost.fetch_add(usize::from(lost), Ordering::AcqRel);
        lost
    }
}
