//! What is sent to the browser: a page, data, or the reason why there is none.

use askama::Template;
use axum::body::Body;
use axum::extract::Query;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::frame::Frame;
use super::{Asked, Explorer};
use crate::artifact::ArtifactError;
use crate::flow::ReplayError;
use crate::step::ExpressionError;
use crate::store::PersistenceError;
use crate::workbench::{LookupError, WorkbenchError};

/// How a page is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Json,
}

/// A page that can be sent as HTML and as JSON.
pub(super) trait Page: Template {
    /// Returns the page as data, as the command that it names prints it.
    fn json(&self) -> Value;
}

/// What is sent.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    /// Where the browser goes instead.
    pub(super) location: Option<&'static str>,
    /// Whether the browser may keep it, since its address determines it.
    pub(super) is_kept: bool,
    /// The content security policy, if it is not that of pages.
    policy: Option<&'static str>,
}

/// What a page may load: scripts, styles, pictures and data of the explorer itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// What a drawing may load: nothing.
const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

impl Reply {
    fn new(status: StatusCode, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, body: body.into(), location: None, is_kept: false, policy: None }
    }

    /// Returns a page in the form that was asked for.
    pub(super) fn page(page: &impl Page, form: Form) -> Result<Self, Refusal> {
        Self::page_with(StatusCode::OK, page, form)
    }

    /// Returns a page that says what is wrong with the question.
    pub(super) fn wrong_page(page: &impl Page, form: Form) -> Result<Self, Refusal> {
        Self::page_with(StatusCode::UNPROCESSABLE_ENTITY, page, form)
    }

    fn page_with(status: StatusCode, page: &impl Page, form: Form) -> Result<Self, Refusal> {
        Ok(match form {
            Form::Html => {
                let html = page.render().map_err(|error| Refusal::failed(format!("cannot make the page: {error}")))?;
                Self::new(status, "text/html; charset=utf-8", html)
            }
            Form::Json => Self::new(status, "application/json", format!("{}\n", page.json())),
        })
    }

    /// Returns plain text.
    pub(super) fn text(status: StatusCode, text: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{text}\n"))
    }

    /// Sends the browser to another page.
    pub(super) fn redirect(location: &'static str) -> Self {
        Self { location: Some(location), ..Self::new(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", []) }
    }

    /// Returns a part of the program.
    pub(super) fn asset(content_type: &'static str, content: &'static [u8]) -> Self {
        Self::new(StatusCode::OK, content_type, content)
    }

    /// Returns a drawing.
    pub(super) fn picture(svg: String) -> Self {
        Self { is_kept: true, policy: Some(PICTURE_POLICY), ..Self::new(StatusCode::OK, "image/svg+xml", svg) }
    }

    /// Returns news for an `EventSource`.
    pub(super) fn news(text: String) -> Self {
        Self::new(StatusCode::OK, "text/event-stream", text)
    }

    /// Makes the response.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let kept = if self.is_kept { "private, max-age=3600" } else { "no-store" };
        let headers = [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, kept),
            (header::CONTENT_SECURITY_POLICY, self.policy.unwrap_or(POLICY)),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
        ];
        let location = self.location.map(|location| (header::LOCATION, location));
        for (name, value) in headers.into_iter().chain(location) {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let own = HeaderValue::from_static("same-origin");
        response.headers_mut().insert("cross-origin-resource-policy", own);
        response
    }
}

/// Why there is no page.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    help: Option<String>,
}

impl Refusal {
    /// The address leads to no page.
    pub(super) fn no_page(path: &str) -> Self {
        Self::missing(format!("there is no page `{path}`"), "the list of runs leads to all pages")
    }

    /// What the address names does not exist.
    pub(super) fn missing(message: impl Into<String>, help: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into(), help: Some(help.to_owned()) }
    }

    /// The question is wrong.
    pub(super) fn wrong(message: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, message: message.into(), help: None }
    }

    /// The answer cannot be made.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        let help = Some("`chem store check --deep` reports damage to the store".to_owned());
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, message: message.into(), help }
    }

    /// Returns whether another question can be answered.
    pub(super) fn is_of_question(&self) -> bool {
        self.status == StatusCode::UNPROCESSABLE_ENTITY
    }

    /// Returns the reason and what to do, on one line.
    pub(super) fn in_words(self) -> String {
        match self.help {
            Some(help) => format!("{}: {help}", self.message),
            None => self.message,
        }
    }

    /// Returns the page that says so.
    pub(super) fn reply(self, explorer: &Explorer, asked: &Asked<'_>) -> Reply {
        let frame = explorer.frame(asked, "No page", &["ls"]);
        let (status, text) = (self.status, self.message.clone());
        let page = RefusalPage { frame, message: self.message, help: self.help };
        Reply::page_with(status, &page, asked.form).unwrap_or_else(|_| Reply::text(status, &text))
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage {
    frame: Frame,
    message: String,
    help: Option<String>,
}

impl Page for RefusalPage {
    fn json(&self) -> Value {
        json!({"error": self.message, "help": self.help})
    }
}

impl Asked<'_> {
    /// Parses the query.
    pub(super) fn query<Q: DeserializeOwned>(&self) -> Result<Q, Refusal> {
        let parsed = Query::try_from_uri(self.uri).map_err(|error| Refusal::wrong(error.body_text()))?;
        Ok(parsed.0)
    }
}

impl From<LookupError> for Refusal {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Store(error) => error.into(),
            LookupError::NoRuns => Self::missing(error.to_string(), "`chem run MANIFEST` begins one"),
            other => Self::missing(other.to_string(), "the list of runs has those of this store"),
        }
    }
}

impl From<WorkbenchError> for Refusal {
    fn from(error: WorkbenchError) -> Self {
        match error {
            WorkbenchError::Store(error) => error.into(),
            WorkbenchError::NoSuchStep { .. } | WorkbenchError::NotStarted { .. } => {
                Self::missing(error.to_string(), "the page of the run has its steps")
            }
            WorkbenchError::NoSuchRecord { .. } => {
                Self::missing(error.to_string(), "the tables of the sources, on the page of the run, have all records")
            }
            WorkbenchError::NoSuchRow { .. } | WorkbenchError::NoTable { .. } => {
                Self::missing(error.to_string(), "the page of the run has the tables of its steps")
            }
            other => Self::failed(other.to_string()),
        }
    }
}

impl From<PersistenceError> for Refusal {
    fn from(error: PersistenceError) -> Self {
        Self::failed(error.with_causes())
    }
}

impl From<ReplayError> for Refusal {
    fn from(error: ReplayError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<ArtifactError> for Refusal {
    fn from(error: ArtifactError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<ExpressionError> for Refusal {
    fn from(error: ExpressionError) -> Self {
        Self { help: error.help, ..Self::wrong(error.message) }
    }
}
