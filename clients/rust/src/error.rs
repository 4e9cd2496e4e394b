use std::fmt;

use crate::request::Answer;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong with a call.
///
/// Its [`kind`](Error::kind) is one of the daemon's problem types (`shape-mismatch`, `missing-tensor`, …), or one of the
/// client's own:
///
/// | kind | |
/// |---|---|
/// | [`Error::UNREACHABLE`] | no endpoint could be reached, or each connection broke |
/// | [`Error::TIMEOUT`], with status 0 | the time of the call was up (with status 408 it is the daemon's) |
/// | [`Error::UNEXPECTED_ANSWER`] | the answer is none of a rnnlossd |
/// | [`Error::INVALID_REQUEST`], with status 0 | a path or an id of a request has characters that HTTP doesn't take |
/// | [`Error::INVALID_SETTINGS`] | of [`ClientBuilder::build`](crate::ClientBuilder::build) alone: a setting can't be used |
pub struct Error(Box<Details>);

struct Details {
    kind: String,
    status: u16,
    title: String,
    detail: String,
    pointer: String,
    request_id: String,
    source: Option<Source>,
}

/// How much of an answer that can't be read is shown.
const BEGINNING: usize = 200;

impl Error {
    /// The kind of an error that means that no endpoint answered.
    pub const UNREACHABLE: &'static str = "unreachable";
    /// The kind of an error that means that the time of the call was up.
    pub const TIMEOUT: &'static str = "timeout";
    /// The kind of an error that means that something else than a rnnlossd answered.
    pub const UNEXPECTED_ANSWER: &'static str = "unexpected-answer";
    /// The kind of an error that means that the request is none; with status 0, that it could not even be sent.
    pub const INVALID_REQUEST: &'static str = "invalid-request";
    /// The kind of an error that means that no client can be made from its settings.
    pub const INVALID_SETTINGS: &'static str = "invalid-settings";

    /// What went wrong, for programs: the problem's type without `#`.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// The HTTP status; 0 if there was no answer.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// What went wrong, for people.
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// What is wrong, what was expected and what was found.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The member of the request that is wrong, as `/tensors/w_hid`; empty if none is.
    pub fn pointer(&self) -> &str {
        &self.0.pointer
    }

    /// The id by which the daemon's log knows the request; empty if there was no request.
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    pub(crate) fn unreachable(detail: String, request_id: &str, source: impl Into<Source>) -> Self {
        let source = Some(source.into());
        Self::own(Self::UNREACHABLE, "No endpoint can be reached", detail, request_id, source)
    }

    pub(crate) fn timeout(request_id: &str) -> Self {
        let detail = "there was no answer within the timeout of the call".to_owned();
        Self::own(Self::TIMEOUT, "The time of the call is up", detail, request_id, None)
    }

    pub(crate) fn impossible(detail: String, request_id: &str) -> Self {
        Self::own(Self::INVALID_REQUEST, "HTTP has no such request", detail, request_id, None)
    }

    pub(crate) fn settings(detail: String) -> Self {
        Self::own(Self::INVALID_SETTINGS, "A setting can't be used", detail, "", None)
    }

    pub(crate) fn unexpected(status: u16, detail: String, request_id: &str) -> Self {
        let title = "The answer is none of a rnnlossd";
        let mut error = Self::own(Self::UNEXPECTED_ANSWER, title, detail, request_id, None);
        error.0.status = status;
        error
    }

    /// An answer that isn't what it should be, with its beginning.
    pub(crate) fn unexpected_answer(answer: &Answer, why: impl fmt::Display) -> Self {
        let bytes = answer.bytes();
        let beginning = String::from_utf8_lossy(&bytes[..bytes.len().min(BEGINNING)]);
        let detail = format!("{why}: {beginning}");
        Self::unexpected(answer.status(), detail, answer.request_id())
    }

    /// What the daemon says of a request that it refuses, if the answer is the daemon's.
    pub(crate) fn problem(answer: &Answer) -> Self {
        #[derive(serde::Deserialize)]
        struct Problem {
            #[serde(rename = "type")]
            kind: String,
            title: String,
            #[serde(default)]
            detail: String,
            #[serde(default)]
            pointer: String,
            #[serde(default)]
            request_id: String,
        }
        let problem = match answer.json::<Problem>("application/problem+json") {
            Ok(problem) => problem,
            Err(error) => return error,
        };
        let Some(kind) = problem.kind.strip_prefix('#') else {
            return Self::unexpected_answer(answer, "a problem of another service");
        };
        let named = !problem.request_id.is_empty();
        Error(Box::new(Details {
            kind: kind.to_owned(),
            status: answer.status(),
            title: problem.title,
            detail: problem.detail,
            pointer: problem.pointer,
            request_id: if named { problem.request_id } else { answer.request_id().to_owned() },
            source: None,
        }))
    }

    fn own(kind: &str, title: &str, detail: String, request_id: &str, source: Option<Source>) -> Self {
        Error(Box::new(Details {
            kind: kind.to_owned(),
            status: 0,
            title: title.to_owned(),
            detail,
            pointer: String::new(),
            request_id: request_id.to_owned(),
            source,
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind(), self.detail())?;
        if !self.pointer().is_empty() {
            write!(f, " at {}", self.pointer())?;
        }
        if self.status() != 0 {
            write!(f, " (status {})", self.status())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("status", &self.status())
            .field("title", &self.title())
            .field("detail", &self.detail())
            .field("pointer", &self.pointer())
            .field("request_id", &self.request_id())
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
