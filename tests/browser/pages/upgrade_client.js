// What UpGrade's JavaScript client sends, header by header and body by body, by the names of its
// methods. `--upgrade-client=FILE` puts a build of that client in its place.
"use strict";

class UpgradeClient {
  constructor(userId, hostUrl, context, options = {}) {
    this.base = `${hostUrl}/api/v6/`;
    this.context = context;
    this.headers = {
      "Content-Type": "application/json",
      "Session-Id": crypto.randomUUID(),
      "User-Id": userId,
      "CurrentRetry": "3",
      "Client-source": "browser",
      ...(options.token ? { Authorization: `Bearer ${options.token}` } : {}),
    };
    this.assignments = null;
  }

  async send(method, operation, body) {
    const url = this.base + operation;
    const headers = { ...this.headers, URL: url };
    const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${operation}: ${answer.status}`);
    return answer.json();
  }

  init(group, workingGroup) {
    return this.send("POST", "init", { group, workingGroup });
  }

  setGroupMembership(group) {
    return this.send("PATCH", "groupmembership", { group });
  }

  setWorkingGroup(workingGroup) {
    return this.send("PATCH", "workinggroup", { workingGroup });
  }

  setAltUserIds(aliases) {
    return this.send("PATCH", "useraliases", { aliases });
  }

  async assigned(site, target) {
    this.assignments ??= await this.send("POST", "assign", { context: this.context });
    return this.assignments.find((each) => each.site === site && each.target === target);
  }

  async getDecisionPointAssignment(site, target) {
    const found = await this.assigned(site, target);
    return { getCondition: () => found.assignedCondition[0].conditionCode };
  }

  async markDecisionPoint(site, target, condition, status, uniquifier) {
    const found = await this.assigned(site, target);
    const assignedCondition = { ...found.assignedCondition[0], conditionCode: condition };
    return this.send("POST", "mark", { status, uniquifier, data: { ...found, assignedCondition } });
  }

  log(value) {
    return this.send("POST", "log", { value });
  }

  async hasFeatureFlag(key) {
    return (await this.send("POST", "featureflag", { context: this.context })).includes(key);
  }
}
