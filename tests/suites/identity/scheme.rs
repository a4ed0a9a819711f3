//! The hashes of scheme 1, worked out by hand. Released logs hold them: what changes one of these needs a new scheme.
//!
//! To work one out: `printf 'chem\0001\0TAG\0TEXT' | sha256sum`, where `\0` stands before each part.

use chem_runtime::artifact::Artifact;
use chem_runtime::fingerprint::{ArtifactHash, ContentHash, SCHEME};
use chem_runtime::flow::{StepIdentity, definition_hash, flow_fingerprint};
use chem_tests::events::hash;
use serde_json::{Map, Value, json};

#[test]
fn an_artifact() {
    // artifact NUL note NUL {"a":[1,0.5],"b":"é"}
    let artifact = Artifact::new("note", &json!({"b": "é", "a": [1.0, 0.5]})).unwrap();
    assert_eq!(artifact.hash().to_string(), "f8495a6d448484bc3b4f37b04f0a0b994cbed0c92211d46fad6cc659ad3e82c6");
}

#[test]
fn a_definition_a_step_and_a_flow() {
    // definition NUL ["read","keep"]
    let definition = definition_hash(["read", "keep"]);
    assert_eq!(definition.to_string(), "7b5027b9fbfb1f07b7cbbe060c292dfa063b15061f74aed2f6a3ef45767d5f68");

    // step NUL {"definition_hash":"7b50…","inputs":{"by":"00…02","table":"00…01"},"params":{"limit":5,"where":"x <= 5"},
    //           "scheme":1,"step_id":"keep","uses":"molecules.filter","version":3}
    let inputs = [("table".to_owned(), hash::<ArtifactHash>(1)), ("by".to_owned(), hash(2))].into();
    let params: Map<String, Value> =
        [("where".to_owned(), json!("x <= 5")), ("limit".to_owned(), json!(5.0))].into_iter().collect();
    let step = StepIdentity { step_id: "keep", uses: "molecules.filter", version: 3, inputs: &inputs, params: &params };
    let fingerprint = step.fingerprint(definition).unwrap();
    assert_eq!(fingerprint.to_string(), "e86de13b5bde63218faf3f1366cce0f7b4d26a8dbf585c4eed25c17afea149c8");

    // cache-key NUL the same without definition_hash and step_id
    let key = step.cache_key().unwrap();
    assert_eq!(key.to_string(), "b884b2b7ea64055463054ac189c981bfe11695784adb09a57096c0df002f9c31");

    // work-key NUL the same as for the cache key, without the input at the port and with the name of the port
    let key = step.work_key("table").unwrap();
    assert_eq!(key.to_string(), "52db9d1d00565aab102e38d63dbbde2df8606208c71c883c2d61a92c60c33874");

    // flow NUL ["e86d…","00…01"]
    let flow = flow_fingerprint([fingerprint, hash(1)]);
    assert_eq!(flow.to_string(), "589f421d81701ad04d7ce65133cf4e3f1a758723fd142096e6a940ca56a63d7f");
}

#[test]
fn a_file_has_the_hash_that_sha256sum_prints() {
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(ContentHash::of(b"").to_string(), of_nothing);
    assert_eq!(ContentHash::of_reader(std::io::empty()).unwrap(), (of_nothing.parse().unwrap(), 0));
}

#[test]
fn these_are_the_hashes_of_this_scheme() {
    assert_eq!(SCHEME, 1);
}
