//! What a schema file may say, and what is said about it when it may not.

use switchboard::schema::{self, LoadOptions, SourceFile, report};

#[test]
fn smoke() {
    for path in std::fs::read_to_string("/tmp/schema_smoke")
        .unwrap_or_default()
        .lines()
    {
        let files: Vec<SourceFile> = path
            .split(' ')
            .map(|path| SourceFile {
                path: path.to_owned(),
                text: std::fs::read_to_string(path).unwrap(),
            })
            .collect();
        let options = LoadOptions {
            root: "/tmp/ex".into(),
            portable: false,
        };
        match schema::load("x", &files, &options) {
            Ok(loaded) => {
                println!(
                    "{:#?}",
                    loaded
                        .surface
                        .types
                        .iter()
                        .map(|t| (&t.name, &t.suppliers))
                        .collect::<Vec<_>>()
                );
                println!("{}", schema::public_sdl(&loaded.surface));
                println!("{}", report::to_text(&loaded.warnings, &files));
            }
            Err(problems) => println!("{}", report::to_text(&problems, &files)),
        }
    }
}
