use super::*;
use crate::kernel::Signal;

const ID: &str = "3a1cc7d59016";
const POD: &str = "249e71f256282967c605db4a48c53f0fdd31a81f25b723e9efb6621d10ea33cc";

fn managed(root: &str, uid: u32, record: &Record) -> Managed {
    let key = ContainerKey::new(Path::new(root), ID);
    Managed::told_by(&key, uid, record).unwrap()
}

fn record(bundle: &str, annotations: &[(&str, &str)]) -> Record {
    let mut record = crate::oci::record::crun::parse(
        ID,
        format!(r#"{{"pid":0,"cgroup-path":"/x","bundle":"{bundle}"}}"#).as_bytes(),
    )
    .unwrap();
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    record.annotations = annotations.iter().map(owned).collect();
    record
}

/// The commands that root is told.
fn told(managed: &Managed, request: Request) -> Vec<String> {
    let all = managed.commands_for(request, 0).into_iter();
    all.map(|told| told.command).collect()
}

#[test]
fn containerd_is_told_its_namespace_and_its_socket_and_rid_of_the_container_too() {
    let of = |dir: &str| {
        record(
            &format!("{dir}/io.containerd.runtime.v2.task/teama/{ID}"),
            &[],
        )
    };
    let web = managed("/run/containerd/runc/teama", 0, &of("/run/containerd"));
    assert_eq!(
        told(&web, Request::Remove),
        [format!(
            "ctr -n teama task rm -f {ID}; ctr -n teama container rm {ID}"
        )]
    );
    assert_eq!(
        told(&web, Request::Stop),
        [format!("ctr -n teama task kill -s 15 {ID}")]
    );
    assert_eq!(
        told(&web, Request::Pause),
        [format!("ctr -n teama task pause {ID}")]
    );
    let k3s = managed("/run/containerd/runc/teama", 0, &of("/run/k3s/containerd"));
    assert_eq!(
        told(&k3s, Request::Resume),
        [format!(
            "ctr -a /run/k3s/containerd/containerd.sock -n teama task resume {ID}"
        )]
    );
    // Of a record that does not say so, the root does.
    let bare = managed("/run/containerd/runc/teamb", 0, &record("/b", &[]));
    assert_eq!(
        told(&bare, Request::Pause),
        [format!("ctr -n teamb task pause {ID}")]
    );
    let mut nerdctl = of("/run/containerd");
    nerdctl
        .annotations
        .insert("nerdctl/name".to_owned(), "web".to_owned());
    let nerdctl = managed("/run/containerd/runc/teama", 0, &nerdctl);
    assert_eq!(
        told(&nerdctl, Request::Remove),
        [format!("nerdctl -n teama rm -f {ID}")]
    );
}

#[test]
fn kubernetes_is_asked_for_the_pod_and_the_node_for_its_part_of_it() {
    let bundle = format!("/run/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}");
    let of = |kind: &'static str| {
        record(
            &bundle,
            &[
                ("io.kubernetes.cri.container-type", kind),
                ("io.kubernetes.cri.sandbox-namespace", "prod"),
                ("io.kubernetes.cri.sandbox-name", "api-7d9"),
            ],
        )
    };
    let root = "/run/containerd/runc/k8s.io";
    let (app, pause) = (
        managed(root, 0, &of("container")),
        managed(root, 0, &of("sandbox")),
    );
    let pod = "kubectl -n prod delete pod api-7d9".to_owned();
    assert_eq!(
        told(&app, Request::Remove),
        [pod.clone(), format!("crictl rm -f {ID}")]
    );
    assert_eq!(
        told(&pause, Request::Remove),
        [pod.clone(), format!("crictl rmp -f {ID}")]
    );
    assert_eq!(told(&pause, Request::Stop), [format!("crictl stopp {ID}")]);
    assert_eq!(told(&app, Request::Pause), Vec::<String>::new());
    let way = app.way(Request::Remove).unwrap();
    assert_eq!(way, format!("of its pod: {pod}; or crictl rm -f {ID}"));
    let unnamed = record(
        &bundle,
        &[("io.kubernetes.cri.container-type", "container")],
    );
    assert_eq!(
        told(&managed(root, 0, &unnamed), Request::Remove),
        [format!("crictl rm -f {ID}")]
    );
    let k3s = record(
        &format!("/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/{ID}"),
        &[("io.kubernetes.cri.container-type", "sandbox")],
    );
    let socket = "unix:///run/k3s/containerd/containerd.sock";
    assert_eq!(
        told(&managed(root, 0, &k3s), Request::Remove),
        [format!("crictl -r {socket} rmp -f {ID}")]
    );
    let crio = record(
        "/run/containers/storage/overlay-containers/x/userdata",
        &[
            ("io.container.manager", "cri-o"),
            ("io.kubernetes.cri-o.ContainerType", "container"),
            ("io.kubernetes.pod.namespace", "prod"),
            ("io.kubernetes.pod.name", "api-7d9"),
        ],
    );
    assert_eq!(
        told(&managed("/run/runc", 0, &crio), Request::Remove),
        [pod, format!("crictl rm -f {ID}")]
    );
}

#[test]
fn podman_is_asked_as_its_user_and_for_the_pod_where_there_is_one() {
    let mut web = record(
        "/home/u1/.local/share/containers/storage/overlay-containers/x/userdata",
        &[("io.container.manager", "libpod")],
    );
    let at = managed("/run/user/1000/crun", 1000, &web);
    let as_user = "runuser -u \"$(id -nu 1000)\" -- env -C / XDG_RUNTIME_DIR=/run/user/1000";
    assert_eq!(
        told(&at, Request::Remove),
        [format!("{as_user} podman rm -f {ID}")]
    );
    // Whoever it is needs no other way.
    let own = at.commands_for(Request::Remove, 1000);
    assert_eq!(own[0].command, format!("podman rm -f {ID}"));
    let slice = format!("/machine.slice/machine-libpod_pod_{POD}.slice/libpod-{ID}.scope");
    for path in [slice, format!("/libpod_parent/{POD}/libpod-{ID}")] {
        web.cgroup = RecordedCgroup::Everywhere(path.into());
        let at = managed("/run/crun", 0, &web);
        assert_eq!(
            told(&at, Request::Remove),
            [
                format!("podman rm -f {ID}"),
                format!("podman pod rm -f {POD}")
            ]
        );
        assert_eq!(at.commands(Request::Remove)[1].object, Object::Pod);
    }
    web.cgroup = RecordedCgroup::Everywhere("/machine-libpod_pod_--all.slice/x".into());
    assert_eq!(
        told(&managed("/run/crun", 0, &web), Request::Remove).len(),
        1
    );
}

#[test]
fn docker_is_asked_in_its_own_words_where_it_listens() {
    let web = managed("/run/docker/runtime-runc/moby", 0, &record("/b", &[]));
    assert_eq!(told(&web, Request::Remove), [format!("docker rm -f {ID}")]);
    assert_eq!(told(&web, Request::Stop), [format!("docker stop {ID}")]);
    assert_eq!(
        told(&web, Request::Signal(Signal::KILL)),
        [format!("docker kill -s 9 {ID}")]
    );
    assert_eq!(
        told(&web, Request::Resume),
        [format!("docker unpause {ID}")]
    );
    let own = managed(
        "/run/user/1000/docker/runtime-runc/moby",
        1000,
        &record("/b", &[]),
    );
    assert_eq!(
        told(&own, Request::Stop),
        [format!(
            "runuser -u \"$(id -nu 1000)\" -- env -C / DOCKER_HOST=unix:///run/user/1000/docker.sock docker stop {ID}"
        )]
    );
}

#[test]
fn the_record_of_a_user_says_nothing_of_an_engine_of_roots() {
    let victim = record(
        "/run/containerd/io.containerd.runtime.v2.task/k8s.io/victim",
        &[
            ("io.kubernetes.cri.sandbox-namespace", "kube-system"),
            ("io.kubernetes.cri.sandbox-name", "victim"),
        ],
    );
    for (root, uid) in [
        ("/run/user/1000/crun", 1000),
        ("/run/user/1000/crun", 0),
        ("/srv/x", 1000),
    ] {
        assert_eq!(
            told(&managed(root, uid, &victim), Request::Remove),
            Vec::<String>::new()
        );
    }
    // Nor do annotations against the place where an engine of root's put it.
    let renamed = record(
        "/run/containerd/io.containerd.runtime.v2.task/moby/x",
        &[("io.container.manager", "libpod")],
    );
    let docker = managed("/run/docker/runtime-runc/moby", 0, &renamed);
    assert_eq!(docker.engine, Manager::Docker);
}
