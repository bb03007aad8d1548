//! Generates the code of the gRPC programs from `../proto/blog.proto`, without a `protoc`.
//!
//! Twice: as anyone would for a client, and for the mock with answers that are encoded beforehand.

#[cfg(not(feature = "grpc"))]
fn main() {}

#[cfg(feature = "grpc")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../proto/blog.proto");
    let files = protox::compile(["blog.proto"], ["../proto"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    for part in ["client", "mock"] {
        let dir = out.join(part);
        std::fs::create_dir_all(&dir)?;
        let builder = tonic_prost_build::configure().out_dir(dir);
        let builder = match part {
            "client" => builder.build_server(false),
            _ => builder
                .build_client(false)
                .extern_path(".bench.blog.v1.ListPostsResponse", "crate::Encoded")
                .extern_path(".bench.blog.v1.BatchGetUsersResponse", "crate::Encoded"),
        };
        builder.compile_fds(files.clone())?;
    }
    Ok(())
}
