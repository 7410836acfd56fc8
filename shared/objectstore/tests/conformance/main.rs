//! One suite, run against every backend. What holds here, callers may rely on.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed step of a test is a failed test")]

mod backends;
mod failures;
mod files;
mod objects;
mod races;

/// Runs each check of the suite as one test against a backend.
macro_rules! conformance {
    ($backend:ident: $($module:ident::$check:ident),+ $(,)?) => {
        mod $backend {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $check() {
                    let Some(backend) = crate::backends::$backend().await else { return };
                    crate::$module::$check(&backend.store).await;
                }
            )+
        }
    };
}

macro_rules! on_every_backend {
    ($($checks:tt)+) => {
        conformance!(directory: $($checks)+);
        conformance!(testkit_s3: $($checks)+);
        conformance!(versitygw: $($checks)+);
    };
}

on_every_backend!(
    objects::an_object_comes_back_until_it_is_deleted,
    objects::conditions_hold,
    objects::known_content_is_not_sent_again,
    objects::ranges_end_where_the_object_ends,
    objects::odd_keys_come_back,
    objects::listings_are_complete_and_sorted,
    objects::deep_keys_and_prefixes_of_names,
    files::small_and_large_files_come_back,
    files::conditions_hold_for_large_files,
    files::a_missing_object_leaves_no_file,
    races::one_creator_wins,
    races::no_increment_is_lost,
    races::one_large_creator_wins,
    races::readers_see_whole_objects,
);
