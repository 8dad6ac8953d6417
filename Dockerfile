# docker build -t chat-conformance:0.1.0 . ; docker run --rm -e ADMIN -v "$PWD:/out" chat-conformance:0.1.0 run --url … --admin-token-env ADMIN
FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/chat-conformance && /opt/chat-conformance/bin/pip install --no-cache-dir .

FROM python:3.13-slim
COPY --from=build /opt/chat-conformance /opt/chat-conformance
ENV PATH=/opt/chat-conformance/bin:$PATH
WORKDIR /out
USER 65532:65532
ENTRYPOINT ["chat-conformance"]
