//! The rights of a database role on a store.
//!
//! A reader may read the tables. A runner may also call the functions that write; these run with the rights of the
//! owner and enforce the rules, so no role needs the right to write to a table.

use super::error::store_error;
use super::provider::PgPool;
use super::session::{Session, TABLES, quoted};
use crate::store::PersistenceError;
use crate::store::schema::{Drift, DriftKind, Rights};

/// The functions that a runner may call.
const FUNCTIONS: [&str; 8] = [
    "chem_append",
    "chem_append_artifacts",
    "chem_append_to_run",
    "chem_attest",
    "chem_release_lease",
    "chem_renew_leases",
    "chem_repair_artifacts",
    "chem_take_lease",
];

/// The sequence that numbers events. A writer checks that it is not behind the log.
const NUMBERS: &str = "event_log_seq_seq";

/// Returns the statements that grant `role` these rights on the store, and revoke all others.
///
/// # Errors
/// [`PersistenceError::Unusable`] if the role does not exist or owns the store.
pub fn grants(pool: &PgPool, role: &str, rights: Rights) -> Result<Vec<String>, PersistenceError> {
    let failed = |error| store_error(pool.shown(), "read the schema of", error);
    let mut session = pool.get()?;
    let schema = session.schema().map(str::to_owned);
    let owner = "SELECT pg_get_userbyid(relowner)::text FROM pg_class
                 WHERE relname = 'event_log' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)";
    let owner = session.query_opt(owner, &[&schema]).map_err(failed)?;
    let (Some(schema), Some(owner)) = (schema, owner) else {
        return Err(PersistenceError::Absent { location: format!("in the database `{}` yet", pool.shown()) });
    };
    if owner.try_get::<_, &str>(0).map_err(failed)? == role {
        return Err(unusable(format!("the role `{role}` owns the store `{}`, and may do everything", pool.shown())));
    }
    let known = session.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&role]).map_err(failed)?;
    if known.is_none() {
        return Err(unusable(format!(
            "there is no role `{role}` on the server of the store `{}`; make it with `CREATE ROLE`",
            pool.shown()
        )));
    }
    Ok(statements(&quoted(&schema), &quoted(role), rights))
}

fn statements(schema: &str, role: &str, rights: Rights) -> Vec<String> {
    let all = |names: &[&str]| names.iter().map(|name| format!("{schema}.{name}")).collect::<Vec<_>>().join(", ");
    let (tables, functions, numbers) = (all(&TABLES), all(&FUNCTIONS), all(&[NUMBERS]));
    let mut statements = vec![
        format!("REVOKE ALL ON TABLE {tables} FROM {role}"),
        format!("REVOKE ALL ON SEQUENCE {numbers} FROM {role}"),
        format!("REVOKE ALL ON FUNCTION {functions} FROM {role}"),
        format!("GRANT USAGE ON SCHEMA {schema} TO {role}"),
        format!("GRANT SELECT ON TABLE {tables} TO {role}"),
    ];
    if rights == Rights::Runner {
        statements.push(format!("GRANT SELECT ON SEQUENCE {numbers} TO {role}"));
        statements.push(format!("GRANT EXECUTE ON FUNCTION {functions} TO {role}"));
    }
    statements
}

/// Whether the current user may act as the owner of the store.
const OWNS: &str =
    "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = $name$store.event_log$name$::regclass";

/// Grants `role` these rights on the store, and revokes all others. Returns the executed statements.
///
/// # Errors
/// As [`grants`]; [`PersistenceError::Unusable`] if the current user may not grant rights on the store.
pub fn grant(pool: &PgPool, role: &str, rights: Rights) -> Result<Vec<String>, PersistenceError> {
    let failed = |error| store_error(pool.shown(), "grant rights on", error);
    let statements = grants(pool, role, rights)?;
    let mut session = pool.get()?;
    // To the server, granting a right that the user cannot grant is not an error: it warns, and grants nothing.
    let owns = session.in_schema(OWNS);
    if !session.query_one(&owns, &[]).and_then(|row| row.try_get::<_, bool>(0)).map_err(failed)? {
        return Err(unusable(format!(
            "only the owner of the store `{}` may grant rights on it; `--print` prints the statements that do so",
            pool.shown()
        )));
    }
    let mut transaction = session.transaction().map_err(failed)?;
    for statement in &statements {
        transaction.batch_execute(statement).map_err(failed)?;
    }
    transaction.commit().map_err(failed)?;
    Ok(statements)
}

/// Rights on the store beyond those of a runner, except those of the owner.
const EXCESS: &str = "
     WITH relations AS (
         SELECT pg_class.oid, relname, relkind, relacl, relowner
         FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = $1::text
         WHERE relname = ANY ($2::text[]) OR relname IN ('event_log_seq_seq', 'artifact_repairs_repair_seq')
     ),
     granted (privilege, object, grantee, owner) AS (
         SELECT privilege_type, CASE relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || relname, grantee, relowner
         FROM relations, aclexplode(relacl)
         UNION ALL
         SELECT privilege_type || ' (' || quote_ident(attname) || ')', 'table ' || relname, grantee, relowner
         FROM relations JOIN pg_attribute ON attrelid = relations.oid, aclexplode(attacl)
         WHERE privilege_type <> 'SELECT'
         UNION ALL
         SELECT privilege_type, 'function ' || proname, grantee, proowner
         FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace AND nspname = $1::text,
              aclexplode(coalesce(proacl, acldefault('f', proowner)))
         WHERE proname LIKE 'chem\\_%' AND grantee = 0
     )
     SELECT DISTINCT privilege, object, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
     FROM granted
     WHERE grantee <> owner AND privilege <> 'SELECT'
     ORDER BY 2, 3, 1";

/// Returns the rights that go beyond those that [`grant`] gives.
pub(super) fn excess(session: &mut Session) -> Result<Vec<Drift>, tokio_postgres::Error> {
    let (schema, tables) = (session.schema().map(str::to_owned), TABLES.map(str::to_owned).to_vec());
    let drift = |row: &tokio_postgres::Row| {
        let (privilege, object, role): (&str, &str, &str) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Drift {
            kind: DriftKind::Excessive,
            object: format!("right {privilege} on {object} of {role}"),
            expected: None,
            found: Some(format!("GRANT {privilege} ON {object} TO {role};")),
        })
    };
    session.query(EXCESS, &[&schema, &tables])?.iter().map(drift).collect()
}

fn unusable(message: String) -> PersistenceError {
    PersistenceError::Unusable { message, source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_may_call_nothing_and_no_role_may_write_to_a_table() {
        let reader = statements("\"lab\"", "\"ada\"", Rights::Reader).join(";\n");
        assert!(!reader.contains("GRANT EXECUTE"), "{reader}");
        let runner = statements("\"lab\"", "\"ada\"", Rights::Runner).join(";\n");
        assert!(runner.contains("GRANT EXECUTE ON FUNCTION \"lab\".chem_append, "), "{runner}");
        assert!(!runner.contains("INSERT") && !runner.contains("UPDATE"), "{runner}");
    }
}
