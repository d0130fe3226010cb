# The router as a container: no shell, no package manager, no root; writes nothing to its own file system.
# Settings come as YAML in HOLDFAST_CONFIG, or as a mounted file named with --config. See docs/deploy-aws.md.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src src
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev

FROM gcr.io/distroless/nodejs24-debian13:nonroot
WORKDIR /app
ENV NODE_ENV=production
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/package.json package.json
COPY --from=build /app/dist/src dist/src
USER 65532
EXPOSE 8080 9070
# Alive, not ready: a router that replays its log must not be killed for it. Readiness is the load balancer's question.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["/nodejs/bin/node", "-e", "fetch('http://127.0.0.1:9070/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The image's entry point is Node. SIGTERM stops in good order: give it longer than `stopGrace`.
STOPSIGNAL SIGTERM
CMD ["dist/src/cli/holdfast.js", "start"]
