# docker build --build-arg VERSION=$(git describe --tags --always) -t tandem .
# docker run --network host -v tandem:/var/lib/tandem -v ./tandem.yaml:/etc/tandem/tandem.yaml:ro tandem
#
# Media ports are many (16384 to 32767), and phones are told this machine's
# addresses: the network of the host serves both.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -pgo=cmd/packaging/tandem.pgo -ldflags "-s -w -X tandem/cmd/tandem/server.release=$VERSION" -o /tandem ./cmd/tandem

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libopus0 ca-certificates && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/lib/tandem --create-home --shell /usr/sbin/nologin tandem && chmod 700 /var/lib/tandem
COPY --from=build /tandem /usr/bin/tandem
COPY cmd/packaging/tandem.yaml /etc/tandem/tandem.yaml
USER tandem
WORKDIR /var/lib/tandem
VOLUME /var/lib/tandem
HEALTHCHECK --interval=30s --timeout=5s CMD ["tandem", "doctor", "-c", "/etc/tandem/tandem.yaml"]
ENTRYPOINT ["tandem", "-c", "/etc/tandem/tandem.yaml"]
CMD ["serve"]
