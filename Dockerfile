# The image of rnnlossd, built from this checkout: the daemon, the libraries it needs, and nothing else.
#
#   docker build -t rnnlossd .                  or `make image`, which also gives the labels their values
#   docker build --target test .                builds and runs the tests of the library instead
#   docker build --platform linux/arm64 .       is compiled on this machine's own platform: no emulation is needed
#
# tools/image-root does the work; the architecture is the target's, the tools are the builder's.

FROM --platform=$BUILDPLATFORM docker.io/library/debian:bookworm-slim AS tools
ARG TARGETARCH
WORKDIR /src
COPY tools/image-root tools/
RUN tools/image-root packages "$TARGETARCH"

FROM tools AS build
ARG TARGETARCH
ARG REVISION=unknown
ARG SOURCE_DATE_EPOCH=0
COPY . .
RUN tools/image-root build "$TARGETARCH" "$REVISION"
RUN tools/image-root fill "$TARGETARCH" /image "$SOURCE_DATE_EPOCH" "$REVISION"

FROM build AS test
RUN tools/image-root test

FROM scratch AS image
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rnnlossd" \
      org.opencontainers.image.description="Exact losses of recurrent neural networks, over HTTP" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image/ /
# Every address of the container, and whoever reaches it may call: what is published is the operator's decision.
# ([::]:8080 serves IPv4 and IPv6, but doesn't start on a kernel without IPv6.)
ENV RNNLOSSD_LISTEN=0.0.0.0:8080 RNNLOSSD_ALLOW_ANONYMOUS=1
EXPOSE 8080
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s CMD ["/usr/bin/rnnlossd", "--check"]
ENTRYPOINT ["/usr/bin/rnnlossd"]
