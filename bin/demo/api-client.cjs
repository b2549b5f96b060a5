'use strict';

/** A person's client of the REST API. */
function createApiClient(baseUrl, token) {
  async function call(method, path, body) {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
    return text === '' ? undefined : JSON.parse(text);
  }
  return {
    get: (path) => call('GET', `/api/v1${path}`),
    post: (path, body) => call('POST', `/api/v1${path}`, body),
    put: (path, body) => call('PUT', `/api/v1${path}`, body),
    getFromRoot: (path) => call('GET', path),
  };
}

module.exports = { createApiClient };
