console.log("throws runs"); throw new TypeError("at evaluation");
