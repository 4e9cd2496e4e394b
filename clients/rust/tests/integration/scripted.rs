//! A peer that says what a test has written down.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// What happens to one request.
pub enum Step {
    /// It is read, and these bytes are the answer.
    Answer(Vec<u8>),
    /// It is read, these bytes are the answer, and the connection ends.
    Last(Vec<u8>),
    /// These bytes are the answer before it is read, and the connection ends.
    Early(Vec<u8>),
}

/// A peer: its address, and the heads of the requests that came.
pub struct Peer {
    pub url: String,
    pub heads: Receiver<String>,
}

/// Serves these steps, and then no more. A connection serves steps until one of them ends it.
pub fn peer(steps: Vec<Step>) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, heads) = mpsc::channel();
    thread::spawn(move || {
        let mut connection = None;
        for step in steps {
            let mut stream = connection.take().unwrap_or_else(|| listener.accept().unwrap().0);
            let (answer, read, keep) = match step {
                Step::Answer(bytes) => (bytes, true, true),
                Step::Last(bytes) => (bytes, true, false),
                Step::Early(bytes) => (bytes, false, false),
            };
            if read {
                let Some(head) = request(&stream) else { continue };
                let _ = sender.send(head);
            }
            let _ = stream.write_all(&answer);
            if keep {
                connection = Some(stream);
            }
        }
    });
    Peer { url, heads }
}

/// Reads a request to its end; its head.
fn request(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some(head)
}

/// An answer in HTTP.
pub fn http(status: u16, media_type: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head =
        format!("HTTP/1.1 {status} Said\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A problem of a daemon.
pub fn problem(status: u16, kind: &str) -> Vec<u8> {
    let body = format!(r##"{{"type":"{kind}","title":"t","status":{status},"detail":"d","request_id":"r"}}"##);
    http(status, "application/problem+json", body)
}
