//! One suite for every adapter: what is promised holds whatever runs the client.

mod adapter;
mod cancellation;
mod encryption;
mod endings;
mod exchange;
mod gateway;
mod misbehaviour;
mod on_async_io;
mod on_tokio;
mod protection;
mod provisioning;
mod rpc;
mod server;
mod transport;
mod trouble;
mod typed;
mod updates;

/// Runs each function of a list over every adapter and each of these protections.
macro_rules! suite {
    ($name:ident: $($over:ident = $protection:ident),+; $list:tt) => {
        mod $name {
            $(mod $over {
                suite!(@ tokio, Tokio, $protection, $list);
                suite!(@ smol, Smol, $protection, $list);
                suite!(@ async_std, AsyncStd, $protection, $list);
                suite!(@ threads, Threads, $protection, $list);
            })+
        }
    };
    (@ $on:ident, $adapter:ident, $protection:ident, {
        $($module:ident: $($test:ident),+ $(,)?;)+
    }) => {
        mod $on {
            use crate::protection::{Protection, under};

            $($(#[test] fn $test() {
                under(Protection::$protection, crate::$module::$test::<crate::adapter::$adapter>);
            })+)+
        }
    };
}

/// Runs each function of a list about the calls of one adapter over each of these protections.
macro_rules! calls {
    ($name:ident: $($over:ident = $protection:ident),+; $list:tt) => {
        mod $name {
            $(mod $over {
                calls!(@ $protection, $list);
            })+
        }
    };
    (@ $protection:ident, { $($module:ident: $($test:ident),+ $(,)?;)+ }) => {
        use crate::protection::{Protection, under};

        $($(#[test] fn $test() {
            under(Protection::$protection, crate::$module::$test);
        })+)+
    };
}

suite! {
    everywhere: plain = Plain, tls_1_2 = Tls1_2, tls_1_3 = Tls1_3, mutual_tls = Mutual;
    {
        exchange:
            a_reading_is_acknowledged_and_stored,
            a_flush_counts_what_was_accepted_before,
            attributes_are_answered_and_their_changes_told,
            a_call_to_the_rule_chain_is_answered,
            every_form_of_a_claim_arrives,
            what_is_accepted_before_the_start_arrives,
            thousands_of_readings_sent_without_waiting_are_all_acknowledged,
            room_comes_to_those_who_wait_in_their_order;
        transport:
            streams_that_give_and_take_one_byte_at_a_time_are_enough,
            a_stream_that_sends_nothing_before_it_is_flushed_is_flushed,
            a_stream_that_takes_no_bytes_any_more_is_replaced,
            every_reading_survives_connections_cut_while_sending,
            subscriptions_and_takers_survive_a_reconnect;
        endings:
            the_last_handle_delivers_what_was_accepted_before_it_is_gone,
            what_is_left_after_the_linger_is_abandoned_and_given_back,
            a_driver_that_was_never_started_gives_everything_back_when_dropped,
            a_reader_that_waits_for_bytes_is_stopped_by_a_disconnect,
            a_client_that_has_ended_takes_nothing_more_and_ends_every_stream,
            a_message_without_a_ticket_comes_back_by_the_stream;
        rpc:
            calls_are_answered_while_another_taker_never_looks,
            a_call_that_is_dropped_is_answered_with_an_error,
            a_refused_answer_gives_the_call_back,
            a_method_has_one_taker;
        gateway:
            readings_of_children_arrive_under_their_names_and_in_order,
            attributes_of_children_are_answered_and_their_changes_told,
            calls_to_children_reach_the_nearest_taker_and_are_answered,
            children_survive_reconnects_and_the_loss_of_their_handles,
            a_child_that_was_disconnected_stays_away_until_something_is_sent_for_it,
            what_no_child_can_be_is_refused,
            a_child_that_the_server_does_not_take_is_told,
            a_child_is_a_handle_of_its_gateway,
            readings_of_several_children_share_their_way_and_end_one_by_one;
        provisioning:
            a_device_is_provisioned_and_connects,
            a_device_is_provisioned_once,
            credentials_whose_answer_was_lost_are_found_again,
            what_the_server_says_against_it_is_told,
            nobody_waits_for_a_server_that_is_not_there;
        typed:
            a_function_answers_calls_and_its_errors_are_told,
            calls_of_one_method_run_beside_each_other,
            shared_attributes_are_a_value_that_follows_the_server,
            a_value_is_that_of_the_server_when_announcements_overtook_each_other,
            a_value_is_fetched_again_after_a_reconnect;
        misbehaviour:
            a_serialisation_that_panics_harms_nobody,
            a_serialisation_that_calls_back_into_the_client_does_not_block,
            a_waker_that_calls_back_into_the_client_does_not_block;
        cancellation:
            a_delivery_dropped_at_any_moment_is_delivered_all_the_same,
            a_request_dropped_at_any_moment_leaves_nothing_open,
            a_place_in_the_line_dropped_at_any_moment_gives_its_room_back,
            a_receive_dropped_at_any_moment_loses_nothing,
            waiting_for_the_connection_dropped_at_any_moment_changes_nothing,
            a_disconnect_whose_ticket_is_dropped_goes_on,
            a_download_dropped_at_any_moment_can_be_begun_again;
        updates:
            a_firmware_becomes_a_file_and_every_state_is_told,
            a_download_that_is_dropped_is_given_up_and_goes_on_from_its_file,
            bytes_of_another_package_are_not_gone_on_from,
            a_spoilt_file_fails_once_and_is_thrown_away,
            a_sink_that_is_behind_holds_up_nobody_else,
            a_sink_that_fails_ends_the_download_and_the_platform_hears_why,
            a_download_ends_with_the_assignment_with_the_interest_and_with_the_client;
    }
}

// A device that shows a certificate is known by it and by nothing else.
suite! {
    with_tokens: plain = Plain, tls_1_2 = Tls1_2, tls_1_3 = Tls1_3;
    {
        provisioning:
            a_device_connects_with_the_token_that_the_server_has_made;
    }
}

// Handshakes and records are what is broken here.
suite! {
    encrypted: tls_1_2 = Tls1_2, tls_1_3 = Tls1_3, mutual_tls = Mutual;
    {
        encryption:
            nothing_is_lost_to_a_proxy_that_cuts_anywhere,
            a_handshake_that_stalls_is_given_up_at_the_deadline,
            provisioning_gives_a_handshake_that_stalls_up;
    }
}

calls! {
    calls: plain = Plain, tls_1_2 = Tls1_2, tls_1_3 = Tls1_3, mutual_tls = Mutual;
    {
        on_tokio:
            a_runtime_that_is_dropped_gives_back_what_was_pending,
            a_task_that_is_aborted_gives_back_what_was_pending,
            waiting_on_the_thread_of_the_driver_is_refused_and_the_ticket_comes_back,
            connecting_can_be_given_up_at_any_moment,
            the_task_of_a_client_ends_when_it_has_disconnected,
            outside_of_a_runtime_a_client_cannot_be_started,
            connecting_fails_early_with_wrong_credentials_and_late_where_nobody_listens;
        on_async_io:
            the_calls_of_smol_connect_start_and_spawn,
            the_calls_of_async_std_connect_start_and_spawn,
            a_task_that_is_cancelled_gives_back_what_was_pending,
            a_bare_thread_drives_a_client_without_any_executor;
    }
}

// Whom TLS is to trust has to be told: no certificate of a test is signed by those whom browsers trust.
calls! {
    by_address: plain = Plain;
    {
        on_async_io:
            an_address_and_a_token_are_enough;
    }
}
