//! People, institutions and licenses.

use serde_json::{Value, json};

use super::graph::{Graph, to};
use super::vocabulary::identifier;
use crate::event::{Operator, Person};

/// Adds who did something, and returns the id: the ORCID iD of the person, or else a name within the document.
pub(super) fn agent(graph: &mut Graph, operator: Option<&Operator>) -> String {
    let Some(operator) = operator else {
        graph.add("#unknown-person", "Person", json!({ "name": "a person that the log does not name" }));
        return "#unknown-person".to_owned();
    };
    let account = format!("{} on {}", operator.login, operator.host);
    let Some(Person { affiliation, name, orcid, ror }) = &operator.person else {
        let id = format!("#{}", identifier(&account));
        graph.add(&id, "Person", json!({ "name": account }));
        return id;
    };
    let id =
        orcid.as_ref().map_or_else(|| format!("#{}", identifier(name)), |orcid| format!("https://orcid.org/{orcid}"));
    let institution = affiliation.as_ref().map(|affiliation| {
        let id = ror.clone().unwrap_or_else(|| format!("#{}", identifier(affiliation)));
        graph.add(&id, "Organization", json!({ "name": affiliation, "url": ror }));
        to(&id)
    });
    graph.add(&id, "Person", json!({ "name": name, "affiliation": institution }));
    id
}

/// Returns a reference to the institution of a person: the publisher of what they did.
pub(super) fn institution(operator: Option<&Operator>) -> Option<Value> {
    let person = operator?.person.as_ref()?;
    let affiliation = person.affiliation.as_ref()?;
    Some(to(&person.ror.clone().unwrap_or_else(|| format!("#{}", identifier(affiliation)))))
}

/// Adds the license of the results, and returns its id. A license is an address or an identifier of SPDX.
pub(super) fn license(graph: &mut Graph, license: Option<&str>) -> String {
    let Some(license) = license else {
        let properties = json!({
            "name": "No license",
            "description": "The manifest declares no license: ask the author before you use or pass on these files.",
        });
        graph.add("#no-license", "CreativeWork", properties);
        return "#no-license".to_owned();
    };
    let is_address = license.starts_with("https://") || license.starts_with("http://");
    let id = if is_address { license.to_owned() } else { format!("https://spdx.org/licenses/{license}") };
    let description = format!("The license `{license}`, as the manifest declares it.");
    graph.add(&id, "CreativeWork", json!({ "name": license, "description": description, "identifier": id }));
    id
}
