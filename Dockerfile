# syntax=docker/dockerfile:1

# One static binary in an empty image: no shell, no package manager, no libc, nobody but an unprivileged user.
# dev/checks/container.py runs this same image without a container engine: it reads the last stage below.

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# The target is named so that the static flag reaches the binary alone, not the build's own helpers.
ENV RUSTFLAGS="-C target-feature=+crt-static"
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
 && cargo build --locked --release --bin doorward --target "$target" \
 && install -D "target/$target/release/doorward" /out/doorward

FROM scratch
LABEL org.opencontainers.image.title="doorward" \
      org.opencontainers.image.description="Authentication sidecar for chat backends" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/doorward /doorward
# Roots for backends behind TLS; doorward itself needs nothing else from a system.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# Mount config/, certs/ and secrets/ here, as folders: a file mounted alone stays the old one when it is replaced.
WORKDIR /etc/doorward
USER 65532:65532
EXPOSE 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 CMD ["/doorward", "health"]
ENTRYPOINT ["/doorward"]
CMD ["serve"]
