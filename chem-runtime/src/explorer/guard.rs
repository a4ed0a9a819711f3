//! Decides which requests are answered: those of this machine's browser, for this explorer.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use uuid::Uuid;

use super::reply::Reply;

/// What admits a request.
///
/// A page of another origin can make a browser send requests here. It has no cookie to read the answers with, and under a
/// name of its own (DNS rebinding) it is refused by `Host`.
pub(super) struct Guard {
    /// Admits a browser that opens the address that the program printed.
    token: String,
    /// The name of the cookie, which is different for each port, because cookies are not.
    cookie: String,
    /// The names of this machine that a request may use, in lower case.
    names: Vec<String>,
}

/// The answer to a request.
pub(super) enum Admission {
    /// Answer it.
    Granted,
    /// Send the browser to the first page, with the cookie of this header.
    Entered(String),
    /// Refuse it.
    Refused(Reply),
}

impl Guard {
    /// Creates a guard with a new token for the explorer on `port`. Requests may use an IP address, `localhost`, or one of
    /// `names`.
    pub(super) fn new(port: u16, names: &[String]) -> Self {
        let names = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { token: Uuid::new_v4().simple().to_string(), cookie: format!("chem-explorer-{port}"), names }
    }

    /// Returns the path that lets a browser in.
    pub(super) fn entrance(&self) -> String {
        format!("/?token={}", self.token)
    }

    /// Decides on a request.
    pub(super) fn admit(&self, request: &Parts) -> Admission {
        let refused = |status, text: &str| Admission::Refused(Reply::text(status, text));
        if request.method != Method::GET && request.method != Method::HEAD {
            return refused(StatusCode::METHOD_NOT_ALLOWED, "the explorer only reads");
        }
        if !self.is_named(&request.headers) {
            let text = "this name is not one of the explorer's: use the address that `chem ui` has printed, or \
                        `chem ui --host NAME`";
            return refused(StatusCode::MISDIRECTED_REQUEST, text);
        }
        let given = request.uri.query().into_iter().flat_map(|query| query.split('&'));
        let mut given = given.filter_map(|pair| pair.strip_prefix("token="));
        if request.uri.path() == "/" && given.any(|token| same(token, &self.token)) {
            let attributes = "Path=/; HttpOnly; SameSite=Strict";
            return Admission::Entered(format!("{}={}; {attributes}", self.cookie, self.token));
        }
        if self.has_cookie(&request.headers) {
            return Admission::Granted;
        }
        refused(StatusCode::UNAUTHORIZED, "open the explorer with the whole address that `chem ui` has printed")
    }

    /// Returns whether `Host` is an IP address, or a name of this machine. A page of another origin reaches an IP address
    /// only as that origin.
    fn is_named(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else { return false };
        let Ok(authority) = host.parse::<axum::http::uri::Authority>() else { return false };
        let name = authority.host().to_ascii_lowercase();
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        bare.parse::<std::net::IpAddr>().is_ok() || name == "localhost" || self.names.contains(&name)
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, value)| name == self.cookie && same(value, &self.token))
    }
}

/// Compares in a time that does not tell how much is right.
fn same(given: &str, token: &str) -> bool {
    given.len() == token.len() && given.bytes().zip(token.bytes()).fold(0, |other, (a, b)| other | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn admit(guard: &Guard, method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Option<String>, u16> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match guard.admit(&request.body(()).unwrap().into_parts().0) {
            Admission::Granted => Ok(None),
            Admission::Entered(cookie) => Ok(Some(cookie)),
            Admission::Refused(reply) => Err(reply.status.as_u16()),
        }
    }

    #[test]
    fn only_a_browser_with_the_token_is_let_in() {
        let guard = Guard::new(80, &[]);
        let host = ("host", "127.0.0.1:80");
        assert_eq!(admit(&guard, "GET", "/runs", &[host]), Err(401));
        assert_eq!(admit(&guard, "GET", "/?token=", &[host]), Err(401));
        assert_eq!(admit(&guard, "GET", &format!("/runs?token={}", guard.token), &[host]), Err(401));
        let cookie = admit(&guard, "GET", &guard.entrance(), &[host]).unwrap().unwrap();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
        let (cookie, _) = cookie.split_once(';').unwrap();
        assert_eq!(admit(&guard, "GET", "/runs", &[host, ("cookie", cookie)]), Ok(None));
        assert_eq!(admit(&guard, "HEAD", "/runs", &[host, ("cookie", &format!("a=b; {cookie}"))]), Ok(None));
        for wrong in [&cookie[..cookie.len() - 1], &format!("{cookie}0"), &cookie.replace("-80", "-81")] {
            assert_eq!(admit(&guard, "GET", "/runs", &[host, ("cookie", wrong)]), Err(401), "{wrong}");
        }
        assert_ne!(Guard::new(80, &[]).token, guard.token);
    }

    #[test]
    fn another_name_and_another_method_are_refused_even_with_the_cookie() {
        let guard = Guard::new(80, &["Lab.example".to_owned()]);
        let cookie = ("cookie", format!("{}={}", guard.cookie, guard.token));
        let cookie = (cookie.0, cookie.1.as_str());
        for host in
            ["localhost", "localhost:80", "LOCALHOST:9", "127.0.0.1:80", "[::1]:80", "10.0.0.7", "lab.example:80"]
        {
            assert_eq!(admit(&guard, "GET", "/runs", &[("host", host), cookie]), Ok(None), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "127.0.0.1 "] {
            assert_eq!(admit(&guard, "GET", "/runs", &[("host", host), cookie]), Err(421), "{host}");
        }
        assert_eq!(admit(&guard, "GET", "/runs", &[cookie]), Err(421));
        let two = [("host", "127.0.0.1"), ("host", "evil.example"), cookie];
        assert_eq!(admit(&guard, "GET", "/runs", &two), Err(421));
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            assert_eq!(admit(&guard, method, "/runs", &[("host", "127.0.0.1"), cookie]), Err(405), "{method}");
        }
    }
}
