//! The CONNECT method of HTTP (RFC 9110 §9.3.6) in HTTP/1.1 (RFC 9112).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use tb_proto::Endpoint;

use super::{Login, ProxyError};

/// No proxy needs a longer head for its answer.
const LONGEST_HEAD: usize = 8 * 1024;

/// The head of every answer of HTTP/1 begins with it.
const BEGIN: &[u8] = b"HTTP/1.";

/// The status stands behind `HTTP/1.1 `, in three digits.
const STATUS: core::ops::Range<usize> = 9..12;

const END: &[u8] = b"\r\n\r\n";

/// Asks for a connection to `target`.
pub(super) fn request(login: Option<&Login>, target: &Endpoint) -> Vec<u8> {
    let host = target.host();
    let authority = if host.contains(':') {
        format!("[{host}]:{}", target.port())
    } else {
        format!("{host}:{}", target.port())
    };
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(Login { user, password }) = login {
        request += "Proxy-Authorization: Basic ";
        request += &base64(format!("{user}:{password}").as_bytes());
        request += "\r\n";
    }
    request += "\r\n";
    request.into_bytes()
}

/// The head of the answer, as far as it came.
#[derive(Debug)]
pub(super) struct Answer {
    head: Vec<u8>,
    /// What 407 means: the login was refused, or there was none.
    unauthorised: ProxyError,
}

impl Answer {
    /// The answer to a request with this login.
    pub(super) const fn to(login: Option<&Login>) -> Self {
        Self {
            head: Vec::new(),
            unauthorised: match login {
                Some(_) => ProxyError::LoginRefused,
                None => ProxyError::LoginRequired,
            },
        }
    }

    /// So many bytes are still to come at least, 0: it is over. The head has no length that is known
    /// before its end, and what follows it is the server's.
    pub(super) fn wants(&self) -> usize {
        let seen = (0..=END.len()).rev();
        let seen = seen
            .filter_map(|count| END.get(..count))
            .find(|begin| self.head.ends_with(begin));
        END.len() - seen.map_or(0, <[u8]>::len)
    }

    pub(super) fn take(&mut self, byte: u8) -> Result<(), ProxyError> {
        // A byte more than was asked for would be the server's, and would be lost.
        if self.wants() == 0 {
            return Err(ProxyError::OtherProtocol);
        }
        if self.head.len() == LONGEST_HEAD {
            return Err(ProxyError::AnswerTooLong);
        }
        let fits = match (self.head.len(), BEGIN.get(self.head.len())) {
            (_, Some(expected)) => byte == *expected,
            (7, None) => byte.is_ascii_digit(),
            (8, None) => byte == b' ',
            (at, None) if STATUS.contains(&at) => byte.is_ascii_digit(),
            // Any reason may follow the status, or none.
            (12, None) => matches!(byte, b' ' | b'\r'),
            _ => true,
        };
        if !fits {
            return Err(ProxyError::OtherProtocol);
        }
        self.head.push(byte);
        if self.head.len() == STATUS.end {
            return self.judge();
        }
        Ok(())
    }

    /// Refusals need no end: what else the proxy says about them is for people.
    fn judge(&self) -> Result<(), ProxyError> {
        let digits = self.head.get(STATUS).unwrap_or_default();
        let status = digits
            .iter()
            .fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
        match status {
            200..=299 => Ok(()),
            403 => Err(ProxyError::Forbidden),
            407 => Err(self.unauthorised),
            502..=504 => Err(ProxyError::Unreachable),
            code => Err(ProxyError::Refused { code }),
        }
    }
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .chain(&[0; 2])
            .take(3)
            .fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 0x3f;
            let symbol = ALPHABET.get(value).filter(|_| digit <= group.len());
            text.push(symbol.map_or('=', |symbol| char::from(*symbol)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::handshake::{Handshake, Step};
    use super::super::{Proxy, ProxyError};
    use super::*;

    fn begin(login: Option<(&str, &str)>, target: &str) -> (Handshake, String) {
        let mut proxy: Proxy = "http://proxy:3128".parse().unwrap();
        if let Some((user, password)) = login {
            proxy = proxy.login(user, password).unwrap();
        }
        let mut handshake = Handshake::new(&proxy, &target.parse().unwrap()).unwrap();
        match handshake.step() {
            Step::Send(request) => (handshake, String::from_utf8(request).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    /// Feeds the answer in pieces as large as are wanted. One that ends earlier must be a refusal.
    fn answer(login: Option<(&str, &str)>, answer: &[u8]) -> Result<Step, ProxyError> {
        let (mut handshake, _) = begin(login, "mqtt://h:1");
        let mut left = answer;
        while let Step::Receive { at_most } = handshake.step() {
            let (piece, rest) = left.split_at(at_most.min(left.len()));
            handshake.handle_input(piece)?;
            assert_eq!(piece.len(), at_most, "a byte of the server was wanted");
            left = rest;
        }
        assert_eq!(left, b"", "something was left over");
        Ok(handshake.step())
    }

    #[test]
    fn the_request_names_the_server_twice_and_the_user_once() {
        let (_, request) = begin(None, "mqtt://[::1]:1883");
        let expected = "CONNECT [::1]:1883 HTTP/1.1\r\nHost: [::1]:1883\r\n\r\n";
        assert_eq!(request, expected);
        let (_, request) = begin(Some(("Aladdin", "open sesame")), "mqtt://h:1");
        let login = "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
        assert!(request.ends_with(login), "{request}");
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        let vectors = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        for (length, expected) in vectors.into_iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..length]), expected);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn an_answer_is_read_to_its_end_and_no_further() {
        for ok in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\nVia: \r\r\n\r\n",
            "HTTP/1.1 204\r\n\r\n",
        ] {
            assert_eq!(answer(None, ok.as_bytes()), Ok(Step::Done), "{ok}");
        }
    }

    #[test]
    fn a_byte_behind_the_answer_is_refused_as_it_is_the_servers() {
        let (mut handshake, _) = begin(None, "mqtt://h:1");
        let more = handshake.handle_input(b"HTTP/1.1 200 OK\r\n\r\n\x20");
        assert_eq!(more, Err(ProxyError::OtherProtocol));
    }

    #[test]
    fn each_refusal_is_told_apart() {
        let me = Some(("me", "pw"));
        let refused = |code| Err(ProxyError::Refused { code });
        for (login, text, expected) in [
            (None, "SSH-2.0-x", Err(ProxyError::OtherProtocol)),
            (None, "HTTP/2.0 200", Err(ProxyError::OtherProtocol)),
            (None, "HTTP/1.1 2x0", Err(ProxyError::OtherProtocol)),
            (None, "HTTP/1.1 2000", Err(ProxyError::OtherProtocol)),
            (None, "HTTP/1.1 407 X", Err(ProxyError::LoginRequired)),
            (me, "HTTP/1.1 407 X", Err(ProxyError::LoginRefused)),
            (None, "HTTP/1.1 403 X", Err(ProxyError::Forbidden)),
            (None, "HTTP/1.1 502 X", Err(ProxyError::Unreachable)),
            (None, "HTTP/1.1 503 X", Err(ProxyError::Unreachable)),
            (None, "HTTP/1.1 100 X", refused(100)),
            (None, "HTTP/1.1 500 X", refused(500)),
        ] {
            assert_eq!(answer(login, text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn an_answer_without_an_end_is_given_up() {
        let endless = [b"HTTP/1.1 200 ".as_slice(), &[b'x'; 9_000]].concat();
        assert_eq!(answer(None, &endless), Err(ProxyError::AnswerTooLong));
    }
}
