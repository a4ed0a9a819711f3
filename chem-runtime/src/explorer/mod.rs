//! The explorer: pages in the browser over the runs and tables of a store. It only reads.
//!
//! A page shows what a command prints, and names that command; the same address with `.json` has the page as data. Pages
//! work without scripts; `explorer.js` only refreshes a run that is going on.
//!
//! - `server` listens, and `guard` decides which requests are answered.
//! - `Explorer::answer` finds the page for an address. `reply` is what it returns, and `frame` is what all pages share.
//! - The pages: `runs`, `run` with its `graph`, `family` and `log`, `step`, `trace`, `artifact` with the `view` of a
//!   table, and `compare`. `live` says when a run has gone on.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use chem_runtime::explorer::{Explorer, Server};
//! use chem_runtime::step::CancelToken;
//! use chem_runtime::store::{OpenMode, StoreUrl};
//!
//! let url = "sqlite:.chem/store.db".parse::<StoreUrl>()?;
//! let explorer = Explorer::new(url.open(OpenMode::Read)?, url.without_secrets());
//! let server = Server::bind(explorer, "127.0.0.1:0".parse()?, &[])?;
//! println!("{}", server.url());
//! server.serve(CancelToken::default())?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod artifact;
mod compare;
mod family;
mod frame;
mod graph;
mod guard;
mod live;
mod log;
mod reply;
mod run;
mod runs;
mod server;
mod step;
mod trace;
mod view;

use std::path::Path;
use std::sync::Arc;

use axum::http::Uri;
use percent_encoding::percent_decode_str;

pub use server::Server;

use self::frame::Frame;
use self::reply::{Form, Refusal, Reply};
use self::view::Views;
use crate::event::{FlowEvent, FlowId};
use crate::report::quoted;
use crate::step::{CancelToken, Confinement, Depictor, Files};
use crate::store::EventStore;
use crate::workbench;

/// The size of a drawing in pixels.
const PICTURE: (u32, u32) = (280, 190);

/// The pages over a store.
pub struct Explorer {
    store: Arc<dyn EventStore>,
    /// How the store is called.
    name: String,
    /// The option that commands need to find the store, with a space before it; may be empty.
    option: String,
    views: Views,
    /// How the reading of files is confined, by the directory of a run.
    confinement: Option<Confining>,
    stop: CancelToken,
}

/// Returns the confinement of a run, by its directory.
type Confining = Box<dyn Fn(&Path) -> Option<Confinement> + Send + Sync>;

/// A request for a page: what follows its address.
struct Asked<'a> {
    uri: &'a Uri,
    form: Form,
    /// The position of the last event that a browser knows, when it asks for later ones.
    last_event: Option<u64>,
}

impl Explorer {
    /// Creates the pages over `store`, which they call `name`.
    pub fn new(store: Arc<dyn EventStore>, name: impl Into<String>) -> Self {
        let (option, views) = (String::new(), Views::default());
        Self { store, name: name.into(), option, views, confinement: None, stop: CancelToken::default() }
    }

    /// Sets the option that commands need to find the store, such as `--store sqlite:my.db`.
    pub fn with_option(mut self, option: &str) -> Self {
        self.option = if option.is_empty() { String::new() } else { format!(" {option}") };
        self
    }

    /// Confines the reading of the files of runs: `confinement` returns how, by the directory of a run.
    pub fn confined(mut self, confinement: impl Fn(&Path) -> Option<Confinement> + Send + Sync + 'static) -> Self {
        self.confinement = Some(Box::new(confinement));
        self
    }

    /// Returns the files of a run with this directory.
    fn files(&self, directory: &str) -> Files {
        let confinement = self.confinement.as_ref().and_then(|confinement| confinement(directory.as_ref()));
        Files::relative_to(directory).confined(confinement)
    }

    /// Returns the page at an address.
    fn answer(&self, uri: &Uri, last_event: Option<u64>) -> Reply {
        let (path, form) = match uri.path().strip_suffix(".json") {
            Some(path) => (path, Form::Json),
            None => (uri.path(), Form::Html),
        };
        let asked = Asked { uri, form, last_event };
        self.find(path, &asked).unwrap_or_else(|refusal| refusal.reply(self, &asked))
    }

    fn find(&self, path: &str, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        let segments = path.split('/').filter(|segment| !segment.is_empty());
        let decoded: Result<Vec<_>, _> = segments.map(|segment| percent_decode_str(segment).decode_utf8()).collect();
        let Ok(decoded) = decoded else { return Err(Refusal::no_page(path)) };
        let segments: Vec<&str> = decoded.iter().map(AsRef::as_ref).collect();
        match segments[..] {
            [] => Ok(Reply::redirect("/runs")),
            ["explorer.css"] => Ok(Reply::asset("text/css; charset=utf-8", include_bytes!("explorer.css"))),
            ["icon.svg"] => Ok(Reply::asset("image/svg+xml", include_bytes!("icon.svg"))),
            ["explorer.js"] => Ok(Reply::asset("text/javascript; charset=utf-8", include_bytes!("explorer.js"))),
            ["depict.svg"] => self.picture(asked),
            ["runs"] => runs::page(self, asked),
            ["runs", id] => run::page(self, asked, id),
            ["runs", id, "trace"] => trace::page(self, asked, id),
            ["runs", id, "children"] => family::page(self, asked, id),
            ["runs", id, "log"] => log::page(self, asked, id),
            ["runs", id, "live"] => live::wait(self, asked, id),
            ["runs", id, "steps", step] => step::page(self, asked, id, step),
            ["artifacts", hash] => artifact::page(self, asked, hash),
            ["compare"] => compare::page(self, asked),
            _ => Err(Refusal::no_page(path)),
        }
    }

    /// Returns the frame of a page: its title, and the words of the command that prints the same.
    fn frame(&self, asked: &Asked<'_>, title: impl Into<String>, command: &[&str]) -> Frame {
        let query = asked.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let path = asked.uri.path().trim_end_matches(".json");
        Frame {
            title: title.into(),
            store: self.name.clone(),
            command: self.command(command),
            json: format!("{path}.json{query}"),
            live: None,
        }
    }

    /// Returns a command on this store, to be typed into a shell.
    fn command(&self, words: &[&str]) -> String {
        let spelled = |words: &[&str]| words.iter().map(|word| format!(" {}", quoted(word))).collect::<String>();
        // Nothing after `--` is an option.
        let (before, after) = words.split_at(words.iter().position(|word| *word == "--").unwrap_or(words.len()));
        format!("chem{}{}{}", spelled(before), self.option, spelled(after))
    }

    /// Finds a run by its id, the beginning of its id, or `@last`.
    fn run(&self, name: &str) -> Result<(FlowId, Vec<FlowEvent>), Refusal> {
        let flow_id = workbench::find_run(self.store.as_ref(), name)?;
        Ok((flow_id, self.store.list(flow_id)?))
    }

    /// Draws the structure of a SMILES.
    fn picture(&self, asked: &Asked<'_>) -> Result<Reply, Refusal> {
        #[derive(serde::Deserialize)]
        struct Query {
            smiles: String,
        }
        let Query { smiles } = asked.query()?;
        let depictor = Depictor::linked().ok_or_else(|| Refusal::wrong("this program cannot draw structures"))?;
        let (width, height) = PICTURE;
        let svg = (depictor.svg)(&smiles, width, height).map_err(Refusal::wrong)?;
        Ok(Reply::picture(svg))
    }
}
