//! The laws of event stores, and the macro that checks each of them on every store.

mod append;
mod artifacts;
mod concurrency;
mod durable;
mod evidence;
mod following;
mod leases;
mod refusal;
mod runs;
mod size;
mod tampering;
mod work;

use chem_runtime::event::{FlowEvent, FlowEventKind, FlowId};
use chem_runtime::store::{EventStore, NewEvent};

macro_rules! laws {
    ($($(#[$meta:meta])* $store:ident => $backend:ty,)*) => {$(
        $(#[$meta])*
        mod $store {
            laws_of! { $backend:
                append: [
                    positions_are_contiguous_from_zero,
                    a_wrong_position_is_a_conflict_and_stores_nothing,
                    an_empty_batch_stores_nothing,
                    an_event_is_found_by_its_position,
                    a_long_run_is_listed_whole,
                    every_kind_of_event_comes_back,
                    seq_grows_over_all_runs,
                    append_kind_goes_on_where_the_run_has_got_to,
                    a_run_that_nobody_began_has_no_events,
                ]
                refusal: [
                    a_value_that_cannot_be_stored_is_refused_with_its_path,
                    a_refused_event_takes_its_batch_with_it,
                    metadata_that_cannot_be_stored_is_refused,
                    refusal_comes_before_conflict,
                ]
                artifacts: [
                    an_artifact_comes_back_whole,
                    the_first_of_two_artifacts_with_one_name_stays,
                    a_missing_artifact_is_none,
                    artifacts_land_with_their_event_or_not_at_all,
                    artifacts_are_found_by_the_beginning_of_their_hash,
                    a_large_artifact_comes_back,
                    an_artifact_that_is_not_what_its_name_says_is_stored_again,
                    a_name_that_holds_something_else_is_no_artifact,
                    a_repair_stores_what_has_no_sound_copy_and_nothing_else,
                    a_large_append_repairs_too,
                    a_damaged_artifact_that_is_packed_is_stored_again,
                    an_artifact_that_is_stored_as_text_is_not_stored_again,
                ]
                runs: [
                    runs_are_listed_in_the_order_in_which_they_began,
                    a_summary_tells_the_first_event_the_last_and_all_letters,
                    runs_are_looked_for_without_the_list_and_found_as_it_has_them,
                    what_begins_no_id_finds_no_run,
                    children_that_have_completed_are_found_by_their_parent,
                    runs_are_listed_page_by_page_as_they_are_asked_for,
                    a_page_of_runs_reads_no_run_that_is_not_on_it,
                ]
                concurrency: [
                    of_many_writers_on_one_run_one_wins_each_position,
                    many_writers_on_many_runs_do_not_disturb_each_other,
                    of_appends_at_the_same_time_the_wrong_ones_are_refused_and_no_others,
                    two_openings_of_one_store_see_each_other,
                ]
                leases: [
                    the_first_append_takes_the_lease_of_a_new_run,
                    whoever_has_a_run_in_hand_can_be_asked_for,
                    a_zombie_is_fenced_even_where_nobody_has_written_since,
                    a_run_whose_holder_is_gone_is_free_at_once,
                    a_run_that_was_let_go_is_free,
                    a_run_is_free_once_its_last_event_has_stopped_it,
                    a_process_takes_back_what_it_holds_itself,
                    of_many_who_take_a_run_the_last_one_has_it,
                    a_lease_that_no_store_gave_is_none,
                    an_append_without_a_lease_is_refused_while_the_run_is_held,
                ]
                following: [
                    every_event_comes_once_and_in_order,
                    an_empty_log_is_waited_for_and_no_longer_than_asked,
                    who_waits_is_given_the_next_event,
                    nothing_is_lost_while_many_write,
                    an_event_that_cannot_be_read_keeps_no_other_from_its_readers,
                    a_run_is_read_on_from_any_position,
                    a_follower_of_a_run_reads_each_event_once,
                ]
                size: [
                    a_store_knows_how_many_rows_and_bytes_it_has,
                    the_largest_flows_and_runs_come_first,
                ]
                evidence: [
                    attestations_are_numbered_without_gaps_and_come_back,
                    a_walk_ends_although_others_append_faster_than_it_reads,
                    a_log_sealed_in_parts_has_the_tree_of_the_whole,
                    the_seal_of_a_run_is_the_first_that_covers_all_that_is_sealed_of_it,
                    sealers_at_once_and_writers_give_no_false_alarm,
                    an_event_of_an_unknown_kind_is_sealed_too,
                    tiles_lead_to_the_root_and_a_changed_one_is_found,
                    a_run_is_proved_by_the_sealed_leaves_as_by_the_log,
                ]
                tampering: [
                    a_change_to_what_was_sealed_is_found_and_named,
                    a_change_to_any_column_is_found_or_changes_nothing_that_is_read,
                    a_copy_that_replaces_a_damaged_artifact_has_its_metadata,
                    an_event_that_no_reader_of_the_log_gets_is_named,
                    an_audit_of_a_run_finds_what_is_wrong_with_it_and_nothing_else,
                    the_first_event_that_differs_is_named,
                    a_store_that_was_set_back_or_went_another_way_is_found,
                    the_end_of_the_log_that_is_missing_is_told_from_the_end_that_is_not_sealed,
                ]
                work: [
                    the_results_of_a_work_are_found_newest_first,
                    work_on_rows_is_found_by_its_own_key,
                    nothing_but_a_finished_step_is_a_result,
                ]
                durable: [
                    what_was_stored_is_there_when_the_store_is_opened_again,
                    a_store_opened_again_goes_on_where_it_was,
                ]
            }
        }
    )*};
}

macro_rules! laws_of {
    ($backend:ty: $($chapter:ident: [$($law:ident,)*])*) => {$($(
        #[test]
        fn $law() {
            if let Some(backend) = <$backend as chem_tests::stores::Backend>::fresh() {
                super::$chapter::$law(&backend);
            }
        }
    )*)*};
}

chem_tests::stores!(laws);

/// Returns all runs, events and artifacts of a store, to check that a rejected request changed nothing.
fn everything(store: &dyn EventStore) -> impl PartialEq + std::fmt::Debug + use<> {
    let runs = store.all_runs().unwrap();
    let events: Vec<_> = runs.iter().flat_map(|run| store.list(run.flow_id()).unwrap()).collect();
    let hashes = store.find_artifact_hashes("", usize::MAX).unwrap();
    let artifacts: Vec<_> = hashes.iter().map(|hash| store.read_artifact(*hash).unwrap()).collect();
    (runs, events, artifacts)
}

/// Checks that queries for single runs agree with the list of all runs.
#[track_caller]
pub(super) fn runs_are_found_as_listed(store: &dyn EventStore) {
    let listed = store.all_runs().unwrap();
    let mut flows: Vec<Option<&str>> =
        listed.iter().map(|run| run.flow()).chain([None, Some("no-such"), Some("no\0such")]).collect();
    flows.sort_unstable();
    flows.dedup();
    for flow in flows {
        let of_flow = listed.iter().rev().filter(|run| flow.is_none() || run.flow() == flow);
        let expected: Vec<&FlowEvent> = of_flow.map(|run| &run.first).collect();
        for limit in [1, 2, 3, listed.len() + 1, usize::MAX] {
            let mut found: Vec<FlowEvent> = Vec::new();
            loop {
                let page = store.newest_runs(flow, found.last().map(|oldest| oldest.seq), limit).unwrap();
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{flow:?}, {limit} at a time");
        }
        assert_eq!(store.newest_runs(flow, Some(0), 9).unwrap(), []);
        assert_eq!(store.newest_runs(flow, None, 0).unwrap(), []);
    }

    let mut ids: Vec<FlowId> = listed.iter().map(|run| run.flow_id()).collect();
    ids.sort_unstable();
    for id in &ids {
        let text = id.to_string();
        for end in 0..=text.len() {
            let prefix = &text[..end];
            let begun: Vec<FlowId> = ids.iter().filter(|id| id.to_string().starts_with(prefix)).copied().collect();
            assert_eq!(store.find_run_ids(prefix, usize::MAX).unwrap(), begun, "{prefix}");
            assert_eq!(store.find_run_ids(prefix, 2).unwrap(), begun[..begun.len().min(2)], "{prefix}");
        }
    }
}

/// Appends events and returns them as stored.
fn appended(store: &dyn EventStore, flow_id: FlowId, expected: u64, events: &[NewEvent]) -> Vec<FlowEvent> {
    store.append(flow_id, expected, events).unwrap();
    (expected..).zip(events).map(|(position, _)| store.read_event(flow_id, position).unwrap().unwrap()).collect()
}

fn batch(kinds: impl IntoIterator<Item = FlowEventKind>) -> Vec<NewEvent> {
    kinds.into_iter().map(NewEvent::from).collect()
}
