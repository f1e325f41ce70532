//! The rig makes what the tests believe it makes, and takes it away again.

with_each_runtime! {
    fn the_rig_makes_every_status(rig: &Rig) {
        rig.run("running");
        rig.create("created");
        rig.paused("paused");
        rig.stopped("stopped");
        assert_eq!(rig.listed(), ["created", "paused", "running", "stopped"]);
        for id in rig.listed() {
            assert_eq!(rig.status(&id), id);
            assert!(!rig.cgroups(&id).is_empty());
        }
        assert!(rig.processes().contains(&rig.pid("running")));
    }
}
