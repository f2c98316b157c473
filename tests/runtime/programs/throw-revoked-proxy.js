const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); console.log("before"); throw proxy;
