use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::Arc;

use serde::Deserialize;

use crate::buffer::Buffer;
use crate::encode::Parts;
use crate::error::Error;

/// A request of bytes as they are, for [`Client::request`](crate::Client::request).
///
/// ```
/// use rnnloss::Request;
///
/// let body = br#"{"lambdas": {"lambda_mse": 1.0}, "tensors": {"pred": [0.5], "target": [1.0]}}"#;
/// let request = Request::post("/loss?gradients=none", body).content_type("application/json");
/// # let _ = request;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Request<'a> {
    pub(crate) method: &'static str,
    pub(crate) path: Cow<'a, str>,
    pub(crate) parts: Parts<'a>,
    pub(crate) content_type: Option<Cow<'a, str>>,
    pub(crate) accept: Option<Cow<'a, str>>,
    pub(crate) request_id: Option<Cow<'a, str>>,
}

impl<'a> Request<'a> {
    /// A GET of a path, which may have a query.
    pub fn get(path: impl Into<Cow<'a, str>>) -> Self {
        Self::new("GET", path.into(), Vec::new())
    }

    /// A POST of a body, which is borrowed, to a path, which may have a query.
    pub fn post(path: impl Into<Cow<'a, str>>, body: &'a [u8]) -> Self {
        Self::new("POST", path.into(), vec![Cow::Borrowed(body)])
    }

    /// What the body is; if it isn't said, the daemon looks at the bytes.
    pub fn content_type(mut self, media_type: impl Into<Cow<'a, str>>) -> Self {
        self.content_type = Some(media_type.into());
        self
    }

    /// What the answer shall be; if it isn't said, it is as the request.
    pub fn accept(mut self, media_types: impl Into<Cow<'a, str>>) -> Self {
        self.accept = Some(media_types.into());
        self
    }

    /// The id of the request in the daemon's log; by default a random one.
    pub fn request_id(mut self, id: impl Into<Cow<'a, str>>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    pub(crate) fn new(method: &'static str, path: Cow<'a, str>, parts: Parts<'a>) -> Self {
        Request { method, path, parts, content_type: None, accept: None, request_id: None }
    }

    pub(crate) fn size(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    pub(crate) fn reader(&self) -> PartsReader<'_> {
        PartsReader { parts: &self.parts, read: 0 }
    }
}

/// Reads the pieces of a body, one after the other.
pub(crate) struct PartsReader<'a> {
    parts: &'a [Cow<'a, [u8]>],
    /// How much of the first piece has been read.
    read: usize,
}

impl Read for PartsReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some((part, rest)) = self.parts.split_first() {
            let left = &part[self.read..];
            let taken = left.len().min(buffer.len() - filled);
            buffer[filled..filled + taken].copy_from_slice(&left[..taken]);
            filled += taken;
            self.read += taken;
            if taken < left.len() {
                break;
            }
            (self.parts, self.read) = (rest, 0);
        }
        Ok(filled)
    }
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) request_id: String,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Arc<Buffer>,
}

impl Answer {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The media type, without parameters; empty if there was none.
    pub fn content_type(&self) -> &str {
        let media_type = self.content_type.split(';').next();
        media_type.unwrap_or_default().trim()
    }

    /// The id of the request in the daemon's log.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        self.body.bytes()
    }

    /// That it is what was asked for.
    pub(crate) fn expect(&self, media_type: &str) -> Result<(), Error> {
        if self.content_type().eq_ignore_ascii_case(media_type) {
            return Ok(());
        }
        let why = format!("{:?} in the place of {media_type}", self.content_type());
        Err(Error::unexpected_answer(self, why))
    }

    /// The body, read as JSON.
    pub(crate) fn json<'a, T: Deserialize<'a>>(&'a self, media_type: &str) -> Result<T, Error> {
        self.expect(media_type)?;
        serde_json::from_slice(self.bytes()).map_err(|error| Error::unexpected_answer(self, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_read_as_one() {
        let mut request = Request::post("/", b"abc");
        for part in ["", "defgh", "", "i"] {
            request.parts.push(Cow::Borrowed(part.as_bytes()));
        }
        assert_eq!(request.size(), 9);
        for size in 1..11 {
            let (mut reader, mut all, mut buffer) = (request.reader(), Vec::new(), vec![0; size]);
            loop {
                let read = reader.read(&mut buffer).unwrap();
                all.extend_from_slice(&buffer[..read]);
                if read == 0 {
                    break;
                }
                assert!(read == size || all.len() == 9);
            }
            assert_eq!(all, b"abcdefghi");
        }
    }
}
