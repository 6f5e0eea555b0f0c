// Sends the same visit with one of the public Node clients: node send.mjs CLIENT URL KEY
const [client, url, key] = process.argv.slice(2);

const visit = (analytics) => {
  analytics.identify({ userId: "u-7", anonymousId: "v", traits: { industry: "saas" } });
  analytics.track({ userId: "u-7", event: "Order Completed", properties: { revenue: 9.5, name: "Grüße 😀" } });
  analytics.page({ anonymousId: "v", name: "Home", properties: { path: "/" } });
  analytics.group({ userId: "u-7", groupId: "acme", traits: { size: 12 } });
  analytics.alias({ userId: "u-7", previousId: "00000000-0000-4000-8000-000000000009" });
};

if (client === "segment") {
  const { Analytics } = await import("@segment/analytics-node");
  const analytics = new Analytics({ writeKey: key, host: url, flushAt: 3 });
  const errors = [];
  analytics.on("error", (error) => errors.push(error));
  visit(analytics);
  analytics.screen({ anonymousId: "v", name: "Start" });
  await analytics.closeAndFlush({ timeout: 10000 });
  if (errors.length) throw new Error(JSON.stringify(errors));
} else {
  const { default: RudderAnalytics } = await import("@rudderstack/rudder-sdk-node");
  const analytics = new RudderAnalytics(key, { dataPlaneUrl: url, flushAt: 3, flushInterval: 100, gzip: true });
  const sent = [];
  // Every call of this client takes a function that is called once the message is sent.
  const waiting = new Proxy(analytics, {
    get: (target, call) => (message) =>
      sent.push(new Promise((done, fail) => target[call](message, (error) => (error ? fail(error) : done())))),
  });
  visit(waiting);
  waiting.screen({ anonymousId: "v", name: "Start" });
  await Promise.all(sent);
}
process.exit(0);
