//! `--portable`: what other readers of the published language would refuse, or read otherwise.

use super::{
    annotations::Use,
    arguments::Arguments,
    directive::Directive,
    link::Links,
    problem::{Code, Problems},
};

/// Reports every construct that only this server knows. Selections that contain their own type are reported by `select`.
pub(crate) fn check(uses: &[Use], links: &Links, problems: &mut Problems<'_>) {
    for place in &links.bff_places {
        problems
            .error(Code::NotPortable, place, "only this server knows this specification")
            .hint("without it the file may use what connect/v0.4 has, and nothing else");
    }
    for used in uses {
        if links.is_addition(&used.node.name) {
            problems
                .error(
                    Code::NotPortable,
                    &used.place,
                    format!("`@{}` is an addition of this server", used.node.name),
                )
                .hint("take it out, or import it from a specification that others know");
        }
        if matches!(used.directive, Directive::Source | Directive::Connect) {
            check_arguments(used, problems);
        }
    }
}

fn check_arguments(used: &Use, problems: &mut Problems<'_>) {
    let files = problems.files();
    let arguments = Arguments::Directive(&used.node);
    let batch = arguments.object("batch");
    let additions = [
        (
            "grpc:",
            arguments.place(files, "grpc"),
            "others call sources by HTTP only",
        ),
        (
            "local:",
            arguments.place(files, "local"),
            "others call sources by HTTP only",
        ),
        (
            "groupBy:",
            batch.and_then(|batch| batch.place(files, "groupBy")),
            "others batch on types only: put a `@connect` that reads `$batch` on the type",
        ),
        (
            "notFound:",
            batch.and_then(|batch| batch.place(files, "notFound")),
            "elsewhere an object that is not found is null without an error",
        ),
    ];
    for (written, place, hint) in additions {
        if let Some(place) = place {
            problems
                .error(
                    Code::NotPortable,
                    &place,
                    format!("`{written}` is an addition of this server"),
                )
                .hint(hint);
        }
    }
}
