"""School science as tables: what each thing does, so that the others' doings are wrong answers."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TOPICS", "Topic"]


@dataclass(frozen=True, slots=True)
class Topic:
    """Facts of one field: ``facts`` maps a thing to what only it, of these things, does.

    ``name`` fits "a lesson about …"; ``kind`` fits "which … does this?".
    """

    name: str
    kind: str
    facts: dict[str, str]


def _topic(name: str, kind: str, table: str) -> Topic:
    rows = [line.split("|") for line in table.strip().splitlines()]
    return Topic(name, kind, {thing.strip(): doing.strip() for thing, doing in rows})


TOPICS = (
    _topic(
        "the human body",
        "organ",
        """
        the heart | pumps blood through the vessels of the body
        the lungs | take oxygen from the air into the blood
        the stomach | breaks down food with acid and strong muscles
        the kidneys | filter waste from the blood and make urine
        the brain | receives signals from the senses and controls the body
        the liver | makes bile and stores sugar for later use
        the skin | covers the body and keeps germs outside
        the small intestine | takes up most nutrients from digested food
        the large intestine | takes up water from what remains of food
        the bladder | stores urine until it leaves the body
        the eyes | turn light into signals for the nerves
        the ears | turn vibrations of the air into nerve signals
        """,
    ),
    _topic(
        "plants",
        "part of a plant",
        """
        the root | holds the plant in the soil and takes up water
        the stem | carries water upward and holds the leaves toward light
        the leaf | makes sugar from carbon dioxide and water using sunlight
        the petal | attracts insects with bright colors and a sweet smell
        the seed | contains a young plant and food for its start
        the fruit | surrounds the seeds and helps animals to spread them
        the stamen | makes the pollen that a breeze or bee carries
        the bark | protects the trunk of a tree from harm
        the root hair | widens the surface through which a root drinks
        the guard cell | opens and closes small holes in a leaf
        """,
    ),
    _topic(
        "cells",
        "part of a cell",
        """
        the nucleus | holds the instructions that direct the cell
        the cell membrane | decides which substances enter and leave the cell
        the cell wall | gives a plant cell its stiff shape
        the chloroplast | captures light to make sugar in green cells
        the mitochondrion | releases energy from sugar for the cell to use
        the vacuole | stores water and wastes in a large space
        the ribosome | joins amino acids together into proteins
        the cytoplasm | fills the cell with a jelly that holds its parts
        the chromosome | carries genes from a cell to its daughter cells
        the flagellum | moves a small cell by whipping like a tail
        """,
    ),
    _topic(
        "the solar system",
        "body in space",
        """
        the Sun | gives off its own light and heats the planets
        the Moon | circles Earth about once in every month
        Mercury | travels around the Sun on the smallest orbit
        Venus | has the hottest surface because of its thick clouds
        Earth | has oceans of liquid water on its surface
        Mars | looks red because of the rust in its soil
        Jupiter | has more mass than all other planets together
        Saturn | is known for its wide and bright rings of ice
        Neptune | is the planet that takes longest to circle the Sun
        a comet | grows a tail of gas and dust near the Sun
        a meteoroid | makes a bright streak when it burns in the air
        """,
    ),
    _topic(
        "weather instruments",
        "instrument",
        """
        a thermometer | measures how warm or cold the air is
        a barometer | measures the pressure of the air
        an anemometer | measures the speed of the wind
        a rain gauge | measures how much water has fallen from clouds
        a wind vane | shows the direction from which wind blows
        a hygrometer | measures how much water vapor the air holds
        a weather balloon | carries sensors high up into the atmosphere
        a radar station | finds distant rain by the echo of radio waves
        a satellite | photographs clouds over a whole ocean at once
        """,
    ),
    _topic(
        "energy",
        "device",
        """
        a light bulb | changes electrical energy mainly into light and heat
        a solar panel | changes the energy of sunlight into electrical energy
        a battery | changes stored chemical energy into electrical energy
        a loudspeaker | changes electrical energy into sound
        an electric fan | changes electrical energy into the motion of blades
        a wind turbine | changes the motion of air into electrical energy
        a toaster | changes electrical energy into heat that browns bread
        a campfire | changes the chemical energy of wood into heat and light
        a microphone | changes sound into a small electrical signal
        a wound spring | stores elastic energy until it is let go
        a hydroelectric dam | changes the energy of falling water into electricity
        """,
    ),
    _topic(
        "simple machines",
        "tool",
        """
        a lever | lifts a load by turning about a fixed point
        a pulley | changes the direction of a pull with rope and wheel
        a ramp | raises a load with less force over a longer path
        a wedge | splits wood by pushing its two halves apart
        a screw | holds boards together with a thread around a rod
        a wheel and axle | turns a small force at a rim into a large one inside
        a gear | passes rotation on through teeth that fit together
        a crowbar | pulls nails by multiplying the force of a hand
        a seesaw | balances two children on either side of a support
        """,
    ),
    _topic(
        "rocks and soil",
        "material",
        """
        granite | forms when melted rock cools slowly deep underground
        basalt | forms when lava cools quickly at the surface
        sandstone | forms when grains of sand are pressed and cemented
        limestone | forms from the shells of tiny sea animals
        marble | forms when limestone is changed by heat and pressure
        slate | forms when shale is squeezed into thin hard sheets
        coal | forms from swamp plants buried for millions of years
        clay | holds water because its grains are the very smallest
        humus | forms from dead leaves and animals and feeds plants
        pumice | floats on water because gas left holes in it
        rock salt | stays behind when an old sea dries up
        """,
    ),
    _topic(
        "changes of the land",
        "process",
        """
        erosion | carries loose soil and rock to another place
        weathering | breaks rock into small pieces where it stands
        deposition | drops sand and mud where water slows down
        an earthquake | shakes the ground when plates slip suddenly
        a volcanic eruption | brings melted rock and ash to the surface
        a landslide | moves a whole wet slope downhill within minutes
        a glacier | scrapes a wide valley with slowly moving ice
        a tsunami | floods a coast with waves from the sea floor
        mountain building | folds layers upward where two plates collide
        """,
    ),
    _topic(
        "the water cycle",
        "process",
        """
        evaporation | turns liquid water into vapor at the surface of a lake
        condensation | turns water vapor into the small drops of a cloud
        precipitation | brings water back to the ground as rain or snow
        transpiration | lets water vapor escape from the leaves of plants
        runoff | carries rain over the ground into streams and rivers
        infiltration | lets rain soak into soil and reach groundwater
        freezing | turns the liquid water of a pond into solid ice
        melting | turns the snow of a mountain into liquid water
        sublimation | turns ice into vapor without becoming liquid first
        """,
    ),
    _topic(
        "matter",
        "property of a material",
        """
        hardness | tells how well a material resists being scratched
        density | tells how much mass is packed into each volume
        conductivity | tells how easily electric current or heat passes through
        magnetism | tells whether a piece of iron is attracted
        solubility | tells how much of it dissolves in water
        flexibility | tells how far it bends before it breaks
        transparency | tells how clearly one can see through it
        the melting point | tells at which temperature a solid becomes liquid
        buoyancy | tells whether an object floats or sinks in water
        the boiling point | tells at which temperature a liquid bubbles into gas
        """,
    ),
    _topic(
        "forces and motion",
        "force or quantity",
        """
        gravity | pulls a dropped ball toward the center of Earth
        friction | slows a sled that slides over rough ground
        air resistance | lets a parachute fall slowly through the sky
        magnetic force | pulls a paper clip toward a magnet without touching
        inertia | keeps a moving object going when nothing stops it
        speed | says how far something moves in a given time
        acceleration | says how quickly the speed of a car changes
        weight | says how strongly a planet pulls on an object
        momentum | grows with both the mass and the speed of an object
        tension | acts along a rope that is pulled from both ends
        static electricity | makes hair stand up after rubbing a balloon on it
        """,
    ),
    _topic(
        "light and sound",
        "effect",
        """
        reflection | sends light back from a mirror at the same angle
        refraction | bends light as it passes from air into water
        absorption | warms a black shirt that lies in bright sunlight
        an echo | returns a shout from a distant wall of rock
        vibration | makes sound when the string of a guitar is plucked
        a shadow | forms where an object keeps light from the ground
        dispersion | spreads white light into the colors of a rainbow
        a higher pitch | is heard when a string vibrates more times each second
        a louder sound | is heard when a drum is hit with more force
        """,
    ),
    _topic(
        "living things together",
        "role in nature",
        """
        a producer | makes its own food with energy from the Sun
        a herbivore | gets its energy by eating only plants
        a carnivore | eats the meat of animals and no plants
        an omnivore | gets its energy from both plants and animals
        a decomposer | returns nutrients of dead matter to the soil
        a predator | chases living animals or lies in wait for them
        a parasite | lives on a host and harms it while feeding
        a scavenger | eats animals that have died or been killed already
        a pollinator | carries pollen from flower to flower while it feeds
        a competitor | needs the same food or space as its neighbor
        """,
    ),
    _topic(
        "how animals survive",
        "feature of an animal",
        """
        thick fur | keeps an arctic animal warm through a long winter
        webbed feet | help a duck to push itself through water
        camouflage | hides an insect that looks like the twig it sits on
        hibernation | saves energy while there is little food in winter
        migration | brings birds to warmer places before the cold arrives
        a long neck | lets a giraffe reach the leaves of tall trees
        sharp talons | let an eagle grip a fish that struggles
        gills | take oxygen out of the water for a fish
        a hard shell | protects a slow turtle from hungry enemies
        hollow bones | make a bird light enough to fly
        a sticky tongue | lets a frog catch insects out of the air
        """,
    ),
    _topic(
        "classes of animals",
        "group of animals",
        """
        mammals | have hair and feed their young with milk
        birds | have feathers and lay eggs with hard shells
        reptiles | have dry scales and lay eggs with leathery shells
        amphibians | begin life with gills and later breathe with lungs
        fish | have scales and fins and breathe only in water
        insects | have six legs and a body in three parts
        spiders | have eight legs and often spin silk into webs
        worms | have soft long bodies without any legs
        crustaceans | have hard shells and many jointed legs and live mostly in water
        mollusks | have soft bodies and often grow a spiral or double shell
        """,
    ),
    _topic(
        "doing experiments",
        "part of an investigation",
        """
        the hypothesis | is a possible answer that can be tested
        the control group | is left unchanged so that others compare with it
        the independent variable | is what the scientist changes on purpose
        the dependent variable | is what the scientist measures as the outcome
        the conclusion | says what the evidence shows about the question
        a repeated trial | shows whether a result happens again
        a data table | keeps measurements in rows and columns
        a line graph | shows how a measurement changes over time
        a constant | is kept the same for every group tested
        a model | shows the parts of something too large or small to see
        """,
    ),
    _topic(
        "resources and the environment",
        "choice",
        """
        recycling | turns used bottles and cans into new products
        composting | turns kitchen scraps into food for garden soil
        planting trees | takes carbon dioxide from the air and holds soil
        using wind power | makes electricity without burning any fuel
        burning oil | adds carbon dioxide and smoke to the air
        mining | takes ores and coal out of the ground
        irrigation | brings water to crops that grow in dry fields
        crop rotation | keeps soil fertile by changing what grows each year
        overfishing | leaves too few adults to produce new young
        building a reservoir | stores river water for cities in dry seasons
        """,
    ),
)
