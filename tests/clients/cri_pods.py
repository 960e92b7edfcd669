#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes and removes pods through the socket of a container runtime, with grpcio.

cri_pods.py SOCKET PROTOSET run NAMESPACE NAME UID CGROUP IMAGE CONTAINER COMMAND
    makes a pod in the host's network with one container; prints the ids of both
cri_pods.py SOCKET PROTOSET remove POD
"""
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

NODE = 2  # the network namespace of the host


def messages(path):
    """The classes of the messages of a serialized FileDescriptorSet, by name."""
    pool = descriptor_pool.DescriptorPool()
    with open(path, "rb") as f:
        for file in descriptor_pb2.FileDescriptorSet.FromString(f.read()).file:
            pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"runtime.v1.{name}"))


class Runtime:
    def __init__(self, socket, protoset):
        self.channel = grpc.insecure_channel(f"unix:{socket}")
        self.message = messages(protoset)

    def call(self, method, **fields):
        answer = self.message(f"{method}Response")
        rpc = self.channel.unary_unary(
            f"/runtime.v1.RuntimeService/{method}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        return rpc(self.message(f"{method}Request")(**fields), timeout=60, wait_for_ready=True)


def run(runtime, namespace, name, uid, cgroup, image, container, command):
    network = {"namespace_options": {"network": NODE}}
    pod = {
        "metadata": {"name": name, "uid": uid, "namespace": namespace},
        "linux": {"cgroup_parent": cgroup, "security_context": network},
    }
    sandbox = runtime.call("RunPodSandbox", config=pod).pod_sandbox_id
    config = {
        "metadata": {"name": container},
        "image": {"image": image},
        "command": [command],
        "linux": {"security_context": network},
    }
    made = runtime.call("CreateContainer", pod_sandbox_id=sandbox, config=config, sandbox_config=pod).container_id
    runtime.call("StartContainer", container_id=made)
    print(sandbox, made)


def main():
    runtime = Runtime(sys.argv[1], sys.argv[2])
    if sys.argv[3] == "run":
        run(runtime, *sys.argv[4:])
    else:
        runtime.call("RemovePodSandbox", pod_sandbox_id=sys.argv[4])


main()
